import { errorCodes } from './generated/abi.js';

/** What kind of thing went wrong. The engine and the page share one list. */
export type ErrorCode = keyof typeof errorCodes;

/** Every error that this package raises. `code` is for programs, `message` is for people. */
export class LinnetError extends Error {
  override readonly name = 'LinnetError';

  constructor(
    readonly code: ErrorCode,
    /** What went wrong, naming the file, the node, the shape or the byte. */
    readonly detail: string,
  ) {
    super(`${errorCodes[code][1]}: ${detail}`);
  }

  /** Also knows errors of another copy of this package. */
  static is(error: unknown): error is LinnetError {
    return error instanceof Error && error.name === 'LinnetError';
  }
}

export const calledOff = () => new LinnetError('Aborted', 'loading was called off');

/** The code with a number of the engine's boundary. */
export function codeOfNumber(number: number): ErrorCode {
  for (const [code, [value]] of Object.entries(errorCodes)) if (value === number) return code as ErrorCode;
  return 'EngineFailed';
}

/** Any thrown value as a LinnetError; what is not one already becomes `code`. */
export function toLinnetError(error: unknown, code: ErrorCode): LinnetError {
  if (LinnetError.is(error)) return error;
  return new LinnetError(code, error instanceof Error ? error.message : String(error));
}
