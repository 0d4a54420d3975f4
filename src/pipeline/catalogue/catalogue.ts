import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { COMMAND_HANDLER_METADATA } from '@nestjs/cqrs/dist/decorators/constants';
import { type CommandClass, declarationOf, declaredCommands } from './action.decorator';
import { canPreview } from './action-handler';
import { catalogueFaults } from './catalogue-checks';
import type { CatalogueEntry, FoundHandler } from './catalogue-entry';
import { categoryOf } from './category.decorator';

/** The actions of this process, found among its providers. A process with a faulty catalogue does not start. */
@Injectable()
export class Catalogue implements OnModuleInit {
  private loaded?: ReadonlyMap<string, CatalogueEntry>;

  constructor(@Inject(DiscoveryService) private readonly discovery: DiscoveryService) {}

  /** @throws Error with every fault and its mend */
  onModuleInit(): void {
    this.load();
  }

  /** The action of that name; undefined if there is none. */
  find(name: string): CatalogueEntry | undefined {
    return this.load().get(name);
  }

  /** All actions, sorted by name. */
  all(): CatalogueEntry[] {
    return [...this.load().values()];
  }

  /** Once, and not before all providers exist; documentation may ask before the process is initialised. */
  private load(): ReadonlyMap<string, CatalogueEntry> {
    if (this.loaded) return this.loaded;
    const found = this.findHandlers();
    const faults = catalogueFaults(this.commandsOf(found), found);
    if (faults.length > 0) throw new Error(`The action catalogue is faulty:\n- ${faults.join('\n- ')}`);
    const entries = found.map(toEntry).sort((a, b) => (a.name < b.name ? -1 : 1));
    this.loaded = new Map(entries.map((entry) => [entry.name, entry]));
    return this.loaded;
  }

  private findHandlers(): FoundHandler[] {
    return this.discovery.getProviders().flatMap((wrapper) => {
      if (!wrapper.metatype || !wrapper.instance) return [];
      const command = Reflect.getMetadata(COMMAND_HANDLER_METADATA, wrapper.metatype) as
        CommandClass | undefined;
      if (!command) return [];
      const category = wrapper.host?.metatype ? categoryOf(wrapper.host.metatype) : undefined;
      return [{ handler: wrapper.instance as FoundHandler['handler'], command, category }];
    });
  }

  /** What was declared, and what handlers name: either may lack its counterpart. */
  private commandsOf(found: readonly FoundHandler[]): CommandClass[] {
    const declared = declaredCommands();
    const handled = found.map((one) => one.command).filter((command) => declarationOf(command) !== undefined);
    return [...new Set([...declared, ...handled])];
  }
}

function toEntry(one: FoundHandler): CatalogueEntry {
  const declaration = declarationOf(one.command);
  if (!declaration || !one.category)
    throw new Error(`${one.command.name} passed the checks without a declaration`);
  return {
    ...declaration,
    category: one.category,
    command: one.command,
    handler: one.handler,
    previews: canPreview(one.handler),
  };
}
