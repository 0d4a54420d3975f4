import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Scrubber } from '../../platform/security/scrub';
import { SigningKeys } from '../../platform/security/signing-keys';
import type { CommandClass } from '../catalogue/action.decorator';
import { storableText } from './audit-entry';
import { recordable } from './recordable';

/** Makes what people send fit to be kept: without secrets, personal data as pseudonyms. */
@Injectable()
export class PayloadScrubber implements OnModuleInit {
  private scrubber?: Scrubber;

  constructor(@Inject(SigningKeys) private readonly keys: SigningKeys) {}

  onModuleInit(): void {
    this.scrubber = new Scrubber(this.keys.secret('pseudonyms'));
  }

  /**
   * The storable copy of a payload: of what the command marks as recorded, scrubbed. All else is masked, or
   * dropped where the command does not know it; without a command that is everything.
   */
  payload(payload: unknown, command?: CommandClass): unknown {
    return this.ready().scrub(recordable(payload, command)) ?? null;
  }

  /** The storable copy of a sentence. */
  text(text: string | undefined): string | null {
    return text === undefined ? null : storableText(String(this.ready().scrub(text)));
  }

  private ready(): Scrubber {
    // Keys are read while modules start; whoever asks before that would get pseudonyms that mean nothing.
    if (!this.scrubber) throw new Error('The scrubber was used before the keys were read');
    return this.scrubber;
  }
}
