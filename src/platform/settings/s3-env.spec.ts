import { loadEnv } from './env';

const GIVEN = { S3_BUCKET: 'videos', S3_ACCESS_KEY_ID: 'id', S3_SECRET_ACCESS_KEY: 'secret' };

describe('the environment of S3', () => {
  it('leaves files in the folder unless a bucket is given', () => {
    expect(loadEnv({}).s3).toBeUndefined();
    expect(loadEnv({ S3_REGION: 'eu-west-1' }).s3).toBeUndefined();
  });

  it('describes the bucket', () => {
    expect(loadEnv(GIVEN).s3).toEqual({
      bucket: 'videos',
      endpoint: undefined,
      region: 'us-east-1',
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
      pathStyle: false,
      cacheBytes: 10 * 1024 ** 3,
    });
    expect(
      loadEnv({
        S3_BUCKET: 'b-1',
        S3_ENDPOINT: 'http://minio:9000',
        S3_PATH_STYLE: 'true',
        S3_CACHE_MIB: '1',
      }).s3,
    ).toMatchObject({
      endpoint: 'http://minio:9000',
      pathStyle: true,
      cacheBytes: 1_048_576,
      credentials: undefined,
    });
  });

  it.each([
    ['S3_BUCKET', { S3_BUCKET: 'No Bucket' }],
    ['S3_ENDPOINT', { ...GIVEN, S3_ENDPOINT: 'minio:9000' }],
    ['S3_BUCKET', { S3_ENDPOINT: 'http://minio:9000' }],
    ['S3_SECRET_ACCESS_KEY', { S3_BUCKET: 'videos', S3_ACCESS_KEY_ID: 'id' }],
    ['S3_CACHE_MIB', { ...GIVEN, S3_CACHE_MIB: '-1' }],
  ])('names %s where it is wrong: %j', (name, variables) => {
    expect(() => loadEnv(variables)).toThrow(name);
  });
});
