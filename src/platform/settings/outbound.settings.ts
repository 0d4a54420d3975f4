import { ArrayMaxSize, IsArray, IsBoolean, IsInt, Max, Min } from 'class-validator';
import { IsNetwork } from '../validation/network';
import { IsRecordOf } from './records';

/** A host as a URL has it: in lower case, with its port where that is not the usual one of its scheme. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/;

/** How one host may be called. */
export class OutboundHost {
  /**
   * Networks (CIDR) of this host that are not public: a private one, or that of this machine. Without them only
   * public addresses are connected to, whatever the name of the host stands for at the moment.
   */
  @IsArray() @ArrayMaxSize(32) @IsNetwork({ each: true }) networks: string[] = [];
  /** Whether http:// will do, which anybody on the way can read and change. */
  @IsBoolean() plain_http = false;
}

/** Which hosts the installation calls of its own accord: those of agents of the type http. */
export class OutboundSettings {
  /** By host, as in `models.example.com` or `models.example.com:8443`. No other host is called. */
  @IsRecordOf({ keys: HOST, maxEntries: 100, values: { of: OutboundHost } })
  hosts: Record<string, OutboundHost> = {};

  /** The longest answer that is read, in bytes. */
  @IsInt() @Min(1_024) @Max(67_108_864) max_response_bytes = 4_194_304;
}
