import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceProcess } from '../../support/process';

/** Between two tries to start what did not come up, in milliseconds. */
const AGAIN_MS = 300;

/** A process that ended although nobody had ended it. */
export interface Crash {
  name: string;
  end: string;
  /** What it wrote last. */
  tail: string;
}

/** A place for one process, which is started again whenever it ends, until it is told to stop. */
export class Supervised {
  private service: ServiceProcess | undefined;
  private stopping = false;
  /** Whether the end of the current process is the nemesis' doing. */
  private meant = false;
  private frozen = false;
  private coming: Promise<void> = Promise.resolve();

  /**
   * @param launch starts the process; it is tried again while that fails, since what the process needs may be away
   * @param onCrash told of each end that nobody meant
   */
  constructor(
    readonly name: string,
    private readonly launch: () => Promise<ServiceProcess>,
    private readonly onCrash: (crash: Crash) => void,
  ) {}

  /** Starts it. Resolves when it is ready. */
  start(): Promise<void> {
    this.coming = this.bringUp();
    return this.coming;
  }

  /** Resolves when it runs, after whatever it was told last. */
  async ready(): Promise<void> {
    let coming: Promise<void> | undefined;
    while (coming !== this.coming) {
      coming = this.coming;
      await coming;
    }
  }

  /** kill -9, also while it stands still: it does not do anything more. It is started again. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.meant = true;
    this.frozen = false;
    await this.service?.kill();
  }

  /** An orderly stop; it is started again. Resolves when it is gone. @throws if it does not end in order */
  async restart(): Promise<void> {
    this.meant = true;
    this.thaw();
    await this.service?.stop();
  }

  /** Stands still from now on. */
  freeze(): void {
    this.service?.signal('SIGSTOP');
    this.frozen = true;
  }

  /** Goes on. */
  thaw(): void {
    if (this.frozen) this.service?.signal('SIGCONT');
    this.frozen = false;
  }

  /** Whether it runs, and was not told to stand still. */
  get up(): boolean {
    return this.service !== undefined && !this.meant && !this.frozen;
  }

  /** It is not started again any more. The process is left to whoever stops the installation. */
  async release(): Promise<void> {
    this.stopping = true;
    this.thaw();
    await this.coming;
  }

  private async bringUp(): Promise<void> {
    while (!this.stopping) {
      try {
        this.service = await this.launch();
        this.meant = false;
        void this.watch(this.service);
        return;
      } catch {
        await delay(AGAIN_MS); // what it needs is away; it says so itself, and exits
      }
    }
  }

  private async watch(service: ServiceProcess): Promise<void> {
    await service.ended;
    this.service = undefined;
    if (this.stopping) return;
    if (!this.meant) this.onCrash({ name: this.name, end: String(service.end), tail: service.tail() });
    this.coming = this.bringUp();
  }
}
