// Programs of a plan: compiled all at once, and taken as they are linked.
import { LinnetError } from '../errors.js';
import { type Gl, lostError, sleep } from './webgl2_context.js';

/** The texture unit of the weights, beyond those of the tensors. */
export const weightsUnit = 15;

const vertices = `#version 300 es
void main() { gl_Position = vec4(gl_VertexID == 1 ? 3 : -1, gl_VertexID == 2 ? 3 : -1, 0, 1); }`;

/** Starts to compile and link a program for each fragment shader. */
export function startPrograms(gl: Gl, texts: readonly string[]): WebGLProgram[] {
  const compiled = (type: number, text: string) => {
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    return shader;
  };
  const vertex = compiled(gl.VERTEX_SHADER, vertices);
  const programs = texts.map((text) => {
    const program = gl.createProgram()!;
    const fragment = compiled(gl.FRAGMENT_SHADER, text);
    gl.attachShader(program, vertex);
    gl.attachShader(program, fragment);
    gl.linkProgram(program);
    // They go with the program.
    gl.deleteShader(fragment);
    return program;
  });
  gl.deleteShader(vertex);
  gl.flush();
  return programs;
}

/**
 * Resolves when all programs are linked and know the units of their textures, `counts` of them each; `take` gets the number
 * of each program that is ready. While there is none `work` goes on with something else; it gives whether it did. Asking for the
 * result of a link waits for it: where the browser can tell that it is there, that is asked first.
 */
export async function endPrograms(
  gl: Gl,
  programs: readonly WebGLProgram[],
  counts: readonly number[],
  take: (number: number) => void,
  work: () => boolean,
): Promise<void> {
  const parallel = gl.getExtension('KHR_parallel_shader_compile');
  let waiting = [...programs.keys()];
  while (waiting.length > 0) {
    if (gl.isContextLost()) throw lostError();
    const ready = (number: number) => !parallel || gl.getProgramParameter(programs[number]!, parallel.COMPLETION_STATUS_KHR);
    const linked = waiting.filter(ready);
    waiting = waiting.filter((number) => !linked.includes(number));
    for (const number of linked) {
      endProgram(gl, programs[number]!, counts[number]!);
      take(number);
    }
    if (linked.length === 0 && !work()) await sleep(1);
  }
}

// Each question to the program waits for the GPU's process.
function endProgram(gl: Gl, program: WebGLProgram, count: number): void {
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
    // The context may have gone while the browser waited for the link.
    if (gl.isContextLost()) throw lostError();
    const fragment = gl.getAttachedShaders(program)?.[1];
    throw new LinnetError('GpuFailed', `a shader of the model: ${gl.getProgramInfoLog(program)} ${fragment && gl.getShaderInfoLog(fragment)}`);
  }
  gl.useProgram(program);
  for (let unit = 0; unit < count; ++unit) gl.uniform1i(gl.getUniformLocation(program, `s${unit}`), unit);
  gl.uniform1i(gl.getUniformLocation(program, 'w'), weightsUnit);
}
