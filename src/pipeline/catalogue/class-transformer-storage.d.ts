/** Where class-transformer keeps what its decorators say; the package has types for it, but under another path. */
declare module 'class-transformer/cjs/storage' {
  export { defaultMetadataStorage } from 'class-transformer/types/storage';
}
