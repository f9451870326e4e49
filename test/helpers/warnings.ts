// What this process warns of, as its user would see it on stderr.
type Teardown = { teardown(handler: () => unknown): void };

/** The messages, one added for each warning until the test ends. */
export function collectWarnings(t: Teardown): string[] {
  const messages: string[] = [];
  const onWarning = ({ message }: Error) => messages.push(message);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  return messages;
}
