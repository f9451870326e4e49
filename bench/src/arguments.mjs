// Values on the command lines of the suites.
import { InvalidArgumentError } from 'commander';

/** @param {string[]} [allowed] */
export function words(allowed) {
  return (/** @type {string} */ text) => {
    const found = text.split(',').map((word) => word.trim());
    const wrong = found.find((word) => allowed !== undefined && !allowed.includes(word));
    if (wrong !== undefined) {
      throw new InvalidArgumentError(`"${wrong}" is none of ${allowed?.join(', ')}.`);
    }
    return found;
  };
}

/** @param {string} text */
export function integer(text) {
  const value = Number(text);
  if (!Number.isInteger(value) || value <= 0) throw new InvalidArgumentError('Not a positive integer.');
  return value;
}

/** @param {string} text */
export function integers(text) {
  return text.split(',').map(integer);
}
