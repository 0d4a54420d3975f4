import 'reflect-metadata';
import { editorStandIn } from '../../../../test/support/agent-editor';
import { AddAgent, AddAgentHandler } from './add-agent.action';

function setUp() {
  const { editor, registry, context, ...rest } = editorStandIn();
  const handler = new AddAgentHandler(editor, registry);
  const command = (more: Partial<AddAgent>) =>
    Object.assign(new AddAgent(), { agent_id: 'second', type: 'scene-detector', context, ...more });
  return { ...rest, run: (more: Partial<AddAgent> = {}) => handler.execute(command(more)) };
}

describe('config.add_agent', () => {
  it('places the agent after what its type needs, unless told otherwise', async () => {
    const { run, after } = setUp();
    await run();
    expect(after().node('second')).toMatchObject({ needs: ['normaliser'], enabled: true });
    await run({ after: ['inspector'], enabled: false });
    expect(after().node('second')).toMatchObject({ needs: ['inspector'], enabled: false });
  });

  it('lets others wait for it, beside what they wait for already', async () => {
    const { run, after } = setUp();
    await run({ before: ['clip-renderer'] });
    expect(after().node('clip-renderer')?.needs).toEqual(['captioner', 'second']);
  });

  it('brings its settings along', async () => {
    const { run, saved } = setUp();
    await run({ settings: { cut_threshold: 9 } });
    expect(saved[0]?.agents).toEqual({ second: { cut_threshold: 9 } });
  });

  it.each<[string, Partial<AddAgent>, string]>([
    ['a name that is taken', { agent_id: 'packager' }, 'AGENT_EXISTS'],
    ['a name that is a path of the API', { agent_id: 'status' }, 'VALIDATION_ERROR'],
    ['a circle', { after: ['packager'], before: ['inspector'] }, 'PIPELINE_CYCLE'],
    ['a follower that does not exist', { before: ['nobody'] }, 'VALIDATION_ERROR'],
  ])('refuses %s', async (_case, more, code) => {
    const { run, saved } = setUp();
    await expect(run(more)).rejects.toMatchObject({ code });
    expect(saved).toEqual([]);
  });
});
