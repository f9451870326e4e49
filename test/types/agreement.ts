// What conformance.ts and its like are made of: types that are `true` where two modules agree.

export type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

export const yes = <T extends true>(..._proof: T[]): void => {};

type Callable = (...given: never) => unknown;

/** The functions among a module's exports. */
export type Functions<Declared> = {
  [Name in keyof Declared as Declared[Name] extends Callable ? Name : never]: Declared[Name];
};

/** Whether each function takes the same parameters in both modules. */
export type ParametersAgree<Declared, Implemented> = {
  [Name in keyof Functions<Declared>]: Functions<Declared>[Name] extends Callable
    ? Name extends keyof Implemented
      ? Implemented[Name] extends Callable
        ? Same<Parameters<Functions<Declared>[Name]>, Parameters<Implemented[Name]>>
        : false
      : false
    : false;
}[keyof Functions<Declared>];
