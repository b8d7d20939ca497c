// The camera as a stream of frames, one at a time.

/** What to tell somebody whose camera does not start. */
export function cameraProblem(error: unknown): string {
  const name = error instanceof DOMException ? error.name : '';
  if (name === 'NotAllowedError') return 'This page may not use the camera. Allow it in the browser, or open a photo.';
  if (name === 'NotFoundError') return 'There is no camera here. Open a photo instead.';
  if (name === 'NotReadableError') return 'Another program uses the camera. Close it, or open a photo.';
  return `The camera did not start (${error instanceof Error ? error.message : String(error)}).`;
}

export class Camera {
  #stream: MediaStream | null = null;
  #running = false;

  constructor(private readonly video: HTMLVideoElement) {}

  get running(): boolean {
    return this.#running;
  }

  /** Starts the camera, with few pixels where `small` says so. `onEnd` is called when it is unplugged or taken away. */
  async start(onEnd: () => void, small: boolean): Promise<void> {
    if (!navigator.mediaDevices) throw new Error('browsers give the camera to secure pages only: use https or localhost');
    this.#stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: { ideal: 'environment' }, width: { ideal: small ? 320 : 640 }, height: { ideal: small ? 240 : 480 } },
    });
    const [track] = this.#stream.getVideoTracks();
    track?.addEventListener('ended', onEnd);
    // A camera that looks at its user is shown as a mirror.
    this.video.classList.toggle('mirrored', track?.getSettings().facingMode !== 'environment');
    this.video.srcObject = this.#stream;
    await this.video.play();
    this.#running = true;
  }

  stop(): void {
    this.#running = false;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.video.srcObject = null;
  }

  /**
   * Calls `take` with each new frame, but never before the last call has ended: frames that come meanwhile are dropped.
   * `take` closes nothing. Ends when the camera stops or `take` fails.
   */
  async eachFrame(take: (frame: VideoFrame | ImageBitmap) => Promise<void>): Promise<void> {
    while (this.#running) {
      await this.#nextFrame();
      if (!this.#running || document.hidden) continue;
      await take(typeof VideoFrame === 'function' ? new VideoFrame(this.video) : await createImageBitmap(this.video));
    }
  }

  // Resolves when the video shows a new frame, or soon after where the browser cannot tell or shows none.
  #nextFrame(): Promise<void> {
    return new Promise((resolve) => {
      const late = setTimeout(resolve, 250);
      const now = () => {
        clearTimeout(late);
        resolve();
      };
      if ('requestVideoFrameCallback' in this.video) this.video.requestVideoFrameCallback(now);
      else requestAnimationFrame(now);
    });
  }
}
