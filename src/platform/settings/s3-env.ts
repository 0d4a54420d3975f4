import { bool, makeValidator, str } from 'envalid';
import { EnvError } from './env-error';

/** Where files live, if in S3 or what speaks its protocol. */
export interface S3Env {
  readonly bucket: string;
  /** Undefined: that of AWS for the region. */
  readonly endpoint: string | undefined;
  readonly region: string;
  /** Undefined: found the way AWS' own tools find theirs. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** Whether the bucket stands in the path of URLs, not in the name of the host. */
  readonly pathStyle: boolean;
  /** What copies on this machine may take, in bytes, besides what running steps need. */
  readonly cacheBytes: number;
}

const bucket = makeValidator<string>((input) => {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(input)) throw new Error('must be the name of a bucket');
  return input;
});

const endpoint = makeValidator<string>((input) => {
  if (!URL.canParse(input) || !/^https?:$/.test(new URL(input).protocol))
    throw new Error('must be a URL starting with https:// or http://');
  return input;
});

const mebibytes = makeValidator<number>((input) => {
  const value = Number(input);
  if (!Number.isInteger(value) || value < 0 || value > 16_777_216)
    throw new Error('must be a whole number from 0 to 16777216');
  return value;
});

/** The variables that choose and describe a blob store in S3. */
export const S3_ENV_SPEC = {
  S3_BUCKET: bucket({
    default: '',
    desc: 'files live in this bucket of S3 instead of STORAGE_DIR, which is then for unfinished uploads and exports alone; empty = in the folder',
  }),
  S3_ENDPOINT: endpoint({ default: '', desc: 'what speaks S3, as https://HOST:PORT; empty = AWS' }),
  S3_REGION: str({ default: 'us-east-1', desc: 'the region of the bucket' }),
  S3_ACCESS_KEY_ID: str({
    default: '',
    desc: 'the key to the bucket; empty = found as by the tools of AWS (their variables, files, the role of the machine)',
  }),
  S3_SECRET_ACCESS_KEY: str({ default: '', desc: 'the secret of S3_ACCESS_KEY_ID' }),
  S3_PATH_STYLE: bool({
    default: false,
    desc: 'put the bucket into the path of URLs, not into the host, as MinIO and others want it',
  }),
  S3_CACHE_MIB: mebibytes({
    default: 10_240,
    desc: 'workers: how many MiB of files from S3 are kept in WORK_DIR for further steps',
  }),
};

/**
 * Reads what belongs together; undefined where files live in a folder.
 *
 * @throws EnvError naming the value that is wrong, and why
 */
export function s3Of(env: {
  S3_BUCKET: string;
  S3_ENDPOINT: string;
  S3_REGION: string;
  S3_ACCESS_KEY_ID: string;
  S3_SECRET_ACCESS_KEY: string;
  S3_PATH_STYLE: boolean;
  S3_CACHE_MIB: number;
}): S3Env | undefined {
  const { S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!env.S3_BUCKET) {
    if (env.S3_ENDPOINT) throw new EnvError('S3_BUCKET must be given where S3_ENDPOINT is');
    return undefined;
  }
  if (!accessKeyId !== !secretAccessKey)
    throw new EnvError('S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be given together');
  return {
    bucket: env.S3_BUCKET,
    endpoint: env.S3_ENDPOINT || undefined,
    region: env.S3_REGION,
    credentials: accessKeyId ? { accessKeyId, secretAccessKey } : undefined,
    pathStyle: env.S3_PATH_STYLE,
    cacheBytes: env.S3_CACHE_MIB * 1_048_576,
  };
}
