// probe: what this machine's kernel can do.
import type { ProbeReport } from '../types/index';
import { native } from './native';

export function probe(): ProbeReport {
  return native().probe();
}
