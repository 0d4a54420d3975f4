import { IsInt, IsString } from 'class-validator';
import { Action, type ActionDeclaration, type CommandClass } from './action.decorator';
import { ActionCommand } from './action-command';
import type { ActionHandler } from './action-handler';
import { catalogueFaults } from './catalogue-checks';
import type { FoundHandler } from './catalogue-entry';

const GOOD: ActionDeclaration = {
  name: 'thing.do',
  views: ['dashboard'],
  risk: 'standard',
  mode: 'sync',
  roles: ['operator'],
  dependsOn: ['postgres'],
  summary: 'Do a thing',
  description: 'A thing is done.',
  errors: ['JOB_NOT_FOUND'],
  example: { count: 1 },
  since: '1.0',
};

function command(over: Partial<Record<keyof ActionDeclaration, unknown>> = {}): CommandClass {
  class DoThing extends ActionCommand<void> {
    @IsInt() count!: number;
  }
  Action({ ...GOOD, ...over } as ActionDeclaration)(DoThing);
  return DoThing;
}

class DoThingHandler {
  execute = () => Promise.resolve();
}
class PreviewingHandler extends DoThingHandler {
  preview = () => Promise.resolve({ selection: [], effects: [], warnings: [] });
}

const handled = (target: CommandClass, handler: object = new DoThingHandler()): FoundHandler => ({
  command: target,
  handler: handler as ActionHandler<ActionCommand<unknown>>,
  category: 'jobs',
});

describe('the checks of the catalogue', () => {
  const faultsOf = (target: CommandClass, handler?: object) =>
    catalogueFaults([target], [handled(target, handler)]);

  it('have nothing to say about a good one', () => {
    expect(faultsOf(command())).toEqual([]);
  });

  it('find a name that is taken twice', () => {
    const [first, second] = [command(), command()];
    expect(catalogueFaults([first, second], [handled(first), handled(second)])).toEqual([
      'DoThing and DoThing are both declared as "thing.do": rename all but one.',
    ]);
  });

  it('find a command without a handler, and say where one belongs', () => {
    expect(catalogueFaults([command()], [])).toEqual([
      expect.stringMatching(/DoThing has no handler: .*@CommandHandler\(DoThing\).*<category>\.module\.ts/),
    ]);
  });

  it('find two handlers for a command', () => {
    const target = command();
    expect(catalogueFaults([target], [handled(target), handled(target)])).toEqual([
      expect.stringContaining('DoThing has 2 handlers (DoThingHandler, DoThingHandler): remove all but one.'),
    ]);
  });

  it('find a handler of something that is no action', () => {
    class Undeclared extends ActionCommand<void> {
      @IsString() text!: string;
    }
    expect(catalogueFaults([], [handled(Undeclared)])).toEqual([
      'DoThingHandler handles Undeclared, which is no action: decorate that with @Action({...}).',
    ]);
  });

  it('find a handler outside of the categories', () => {
    const target = command();
    expect(catalogueFaults([target], [{ ...handled(target), category: undefined }])).toEqual([
      expect.stringContaining('is provided outside of a category'),
    ]);
  });

  it.each(['high', 'critical'])('want a preview where risk is %s', (risk) => {
    expect(faultsOf(command({ risk }))).toEqual([expect.stringContaining(`has risk ${risk} and no preview`)]);
    expect(faultsOf(command({ risk }), new PreviewingHandler())).toEqual([]);
  });

  it('let only answers at once hold a secret', () => {
    expect(faultsOf(command({ secretFields: ['ticket'], mode: 'operation' }))).toEqual([
      expect.stringContaining('let it be sync'),
    ]);
    expect(faultsOf(command({ secretFields: ['ticket'] }))).toEqual([]);
  });

  it('want to know what a bulk action costs', () => {
    expect(faultsOf(command({ bulk: true }))).toEqual([expect.stringContaining('give it cost(payload)')]);
    expect(faultsOf(command({ bulk: true, cost: ({ count }: { count: number }) => count }))).toEqual([]);
    expect(faultsOf(command({ cost: () => 0 }))).toEqual([expect.stringContaining('costs 0')]);
    expect(faultsOf(command({ cost: () => Number.NaN }))).toEqual([expect.stringContaining('costs NaN')]);
  });

  it('let nobody but admins have what is for admins only', () => {
    expect(faultsOf(command({ adminOnly: true }))).toEqual([expect.stringContaining('adminOnly')]);
    expect(faultsOf(command({ adminOnly: true, roles: [] }))).toEqual([]);
  });

  it('want an example that passes validation', () => {
    expect(faultsOf(command({ example: { count: 'one', other: 1 } }))).toEqual([
      expect.stringMatching(
        /its example does not pass .*payload\.other is not a field.*payload\.count .*must be an integer/,
      ),
    ]);
  });

  it.each<[keyof ActionDeclaration, unknown, RegExp]>([
    ['name', 'DoThing', /give it a name such as/],
    ['name', undefined, /give it a name such as/],
    ['views', [], /give it views/],
    ['views', ['nowhere'], /give it views/],
    ['risk', 'huge', /give it a risk, one of read, standard, high, critical/],
    ['mode', undefined, /give it a mode/],
    ['roles', undefined, /give it roles/],
    ['roles', ['admin'], /admin may run everything and is not listed/],
    ['dependsOn', ['moon'], /give it dependsOn/],
    ['summary', ' ', /give it a summary/],
    ['description', undefined, /give it a description/],
    ['errors', ['NO_SUCH_CODE'], /give it errors/],
    ['since', '', /give it since/],
  ])('want %s, and do not take %j', (attribute, value, mend) => {
    expect(faultsOf(command({ [attribute]: value })).join('\n')).toMatch(mend);
  });
});
