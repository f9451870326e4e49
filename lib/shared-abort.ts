// An abort that ends any number of things at once.
import { setMaxListeners } from 'node:events';

/** Each of those things listens to its signal, which is no leak: Node warns of none. */
export function sharedAbortController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
