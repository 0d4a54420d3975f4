import type {
  ClientFrame,
  ErrorFrame,
  EventFrame,
  LogFilter,
  Position,
  ServerFrame,
  SnapshotFrame,
} from '../protocol';

/** Why a client ended. */
export interface GatewayEnd {
  /** The code of the close, see CLOSE; 1000 if it was closed by its own user. */
  code: number;
  reason: string;
}

/** What a follower of a topic is told. */
export interface FollowHandlers {
  /** One event; each exactly once and in order, over all connections. */
  event: (event: EventFrame) => void;
  /**
   * Events follow from here on. `recovered` false: what happened before is not known, so take a snapshot; it
   * is so at the first time, and whenever the history did not reach back.
   */
  begin?: (position: Position, recovered: boolean) => void;
  /** Of a topic with a state: the state at the position that began. */
  snapshot?: (snapshot: SnapshotFrame) => void;
  /** The gateway does not let the client follow this topic. */
  refused?: (error: ErrorFrame) => void;
  /** The client has ended; nothing more will come. */
  ended?: (reason: GatewayEnd) => void;
}

/** A followed topic, over all connections of a client. */
export class Follow {
  /** Whether the gateway has said something to the last request. */
  answered = false;

  constructor(
    readonly topic: string,
    readonly handlers: FollowHandlers,
    public position?: Position,
    private readonly filter?: LogFilter,
  ) {}

  /** What is sent at each connection. */
  request(): ClientFrame {
    const { topic, position: since, filter } = this;
    this.answered = false;
    return { type: 'subscribe', topic, ...(since && { since }), ...(filter && { filter }) };
  }

  /** A frame that names this topic. */
  receive(frame: ServerFrame): void {
    if (frame.type === 'error') this.handlers.refused?.(frame);
    else if (frame.type === 'subscribed') {
      this.position = { offset: frame.offset, epoch: frame.epoch };
      this.handlers.begin?.(this.position, frame.recovered);
    } else if (frame.type === 'snapshot' && this.position) this.handlers.snapshot?.(frame);
    else if (frame.type === 'event' && this.position && frame.offset > this.position.offset) {
      this.position = { ...this.position, offset: frame.offset };
      this.handlers.event(frame);
    }
  }
}
