import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentRun, ArtifactFile, ArtifactKind, PublishedArtifact } from '../agent';
import { finishAndPublish, partName } from './files';

/** A line of the manifest. */
export interface ManifestFile extends PublishedArtifact {
  kind: ArtifactKind;
}

/** Publishes files and remembers them for the manifest. */
export class Shelf {
  readonly files: ManifestFile[] = [];
  constructor(private readonly run: AgentRun) {}

  /** Publishes a file that a tool wrote under its part name. */
  async finished(name: string, kind: ArtifactKind, contentType: string): Promise<PublishedArtifact> {
    return this.note(await finishAndPublish(this.run, name, kind, contentType), kind);
  }

  /** Publishes a file that a finished tool wrote under its own name. */
  async publish(file: ArtifactFile): Promise<PublishedArtifact> {
    return this.note(await this.run.publish(file), file.kind);
  }

  /** Writes and publishes a text. */
  async text(
    name: string,
    content: string,
    kind: ArtifactKind,
    contentType: string,
  ): Promise<PublishedArtifact> {
    await writeFile(join(this.run.workDir, partName(name, this.run.attempt)), content);
    return this.finished(name, kind, contentType);
  }

  /** Remembers a file that is published already. */
  note<T extends PublishedArtifact>(file: T, kind: ArtifactKind): T {
    const { artifact_id, name, size, sha256 } = file;
    this.files.push({ artifact_id, name, size, sha256, kind });
    return file;
  }
}
