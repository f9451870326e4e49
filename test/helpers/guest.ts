import type { KernelPolicy } from '../../lib/native';

/** Where a test runs: 'tls' and 'without-tls' are guests that scripts/guest booted. */
export const guest = process.env.KTLS_TEST_GUEST as 'tls' | 'without-tls' | undefined;

/**
 * What each end of a connection can be told here. In the guest the kernel must do it, so a module that is missing
 * fails the test; natively its presence is an accident of the machine, and user space is tested.
 */
export const placements: KernelPolicy[] = guest === 'tls' ? ['require', 'off'] : ['off'];
