// What all that is done on a WebGL2 context has in common.
import { LinnetError } from '../errors.js';

export type Gl = WebGL2RenderingContext;

export const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
export const lostError = () => new LinnetError('DeviceLost', 'the WebGL2 context was lost');

/** What other models on the context have left behind is not the next one's. */
export function forgetErrors(gl: Gl): void {
  while (gl.getError());
}

/** Throws what the context reports. To be called before anything is waited for: meanwhile other models may do what it would report. */
export function check(gl: Gl): void {
  if (gl.isContextLost()) throw lostError();
  const error = gl.getError();
  if (error === gl.OUT_OF_MEMORY) throw new LinnetError('OutOfMemory', 'the textures of the model do not fit the GPU');
  if (error !== gl.NO_ERROR) throw new LinnetError('GpuFailed', `the textures of the model: WebGL error ${error}`);
}
