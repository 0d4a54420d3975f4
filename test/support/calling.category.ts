import { Inject, Injectable, Module } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { Action, type Dependency } from '../../src/pipeline/catalogue/action.decorator';
import { type ActionContext, ActionCommand } from '../../src/pipeline/catalogue/action-command';
import type { ActionHandler } from '../../src/pipeline/catalogue/action-handler';
import { Category } from '../../src/pipeline/catalogue/category.decorator';
import { PipelineModule } from '../../src/pipeline/pipeline.module';

/** What stands behind the circuits: the test's own, which counts who really got through. */
@Injectable()
export class Stub {
  calls = 0;
  answer: (context: ActionContext) => Promise<void> = () => Promise.resolve();

  call(context: ActionContext): Promise<void> {
    this.calls += 1;
    return this.answer(context);
  }
}

const declaration = (name: string, dependency: Dependency, mode: 'sync' | 'operation' = 'sync') => ({
  name,
  views: ['dashboard' as const],
  risk: 'standard' as const,
  mode,
  roles: [],
  dependsOn: [dependency],
  summary: 'Call',
  description: 'Calls what the test stands behind it.',
  errors: [],
  example: {},
  since: '1.0',
});

@Action(declaration('test.store', 'storage'))
class StoreSomething extends ActionCommand<object> {}
@Action(declaration('test.queue', 'queue'))
class QueueSomething extends ActionCommand<object> {}

@Action(declaration('test.store_much', 'storage', 'operation'))
class StoreMuch extends ActionCommand<object> {}

@CommandHandler(StoreSomething)
class StoreHandler implements ActionHandler<StoreSomething> {
  constructor(@Inject(Stub) private readonly stub: Stub) {}

  async execute({ context }: StoreSomething): Promise<object> {
    await this.stub.call(context);
    return {};
  }
}

@CommandHandler(StoreMuch)
class StoreMuchHandler extends StoreHandler {}

@CommandHandler(QueueSomething)
class QueueHandler implements ActionHandler<QueueSomething> {
  execute(): Promise<object> {
    return Promise.resolve({});
  }
}

/** Actions whose dependencies are the test's own. */
@Category('system')
@Module({ imports: [PipelineModule], providers: [Stub, StoreHandler, StoreMuchHandler, QueueHandler] })
export class CallingCategory {}
