import { ArrayMaxSize, IsArray, IsDefined, IsObject, Matches, ValidateNested } from 'class-validator';
import { Type } from 'class-transformer';
import { IpAllowList } from '../security/ip-allow-list';
import { IsRecordOf } from './records';

/** An action's name, all of a subject (`job.*`), or all actions (`*`). */
const PATTERN = /^(?:\*|[a-z]+\.(?:\*|[a-z]+(?:_[a-z]+)*))$/;
/** The most entries of one list or record. */
const MAX_ENTRIES = 200;

/** Patterns of action names such as `job.*`, for each role. There is none for admin, who may run everything. */
export class RolePatterns {
  /** Of the role operator. */
  @IsArray() @ArrayMaxSize(MAX_ENTRIES) @Matches(PATTERN, { each: true }) operator: string[] = [];
  /** Of the role supervisor. */
  @IsArray() @ArrayMaxSize(MAX_ENTRIES) @Matches(PATTERN, { each: true }) supervisor: string[] = [];
  /** Of the role readonly. */
  @IsArray() @ArrayMaxSize(MAX_ENTRIES) @Matches(PATTERN, { each: true }) readonly: string[] = [];
}

/** The same, with users: they hold nothing on the admin side, but run actions on what is theirs. */
export class RoleDenials extends RolePatterns {
  /** Of the role user. */
  @IsArray() @ArrayMaxSize(MAX_ENTRIES) @Matches(PATTERN, { each: true }) user: string[] = [];
}

/** Who may run which actions from where, beyond what the actions declare. */
export class AccessSettings {
  /**
   * From which networks (CIDR) the actions of a pattern may be run. All entries that match an action must hold,
   * besides ADMIN_IP_ALLOWLIST. What users do with what is theirs, over the user API, is not concerned.
   */
  @IsRecordOf({ keys: PATTERN, maxEntries: MAX_ENTRIES, values: { listOf: wrongNetwork } })
  action_networks: Record<string, string[]> = {};

  /** What roles hold besides what actions declare. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => RolePatterns)
  role_grants = new RolePatterns();

  /** What roles do not hold, whatever grants it to them. */
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => RoleDenials)
  role_denials = new RoleDenials();
}

function wrongNetwork(text: string): string | undefined {
  try {
    new IpAllowList([text]);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
