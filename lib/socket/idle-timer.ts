// The timer of an idle timeout, which is set, taken back and set again for each request of HTTP.

export class IdleTimer {
  #timer: NodeJS.Timeout | undefined;
  /** Milliseconds that the timer runs for. */
  #runs = 0;
  /** What is wanted; 0 while the timer, if there is one, runs for nobody. */
  #wanted = 0;

  constructor(private readonly onElapsed: () => void) {}

  /** 0: never. */
  set(milliseconds: number): void {
    this.#wanted = milliseconds;
    if (milliseconds === 0) return;
    if (this.#timer === undefined || this.#runs !== milliseconds) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#elapse(), milliseconds).unref();
      this.#runs = milliseconds;
    } else this.#timer.refresh();
  }

  /** From the beginning, also where it has elapsed. */
  restart(): void {
    if (this.#wanted !== 0) this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #elapse(): void {
    if (this.#wanted !== 0) this.onElapsed();
  }
}
