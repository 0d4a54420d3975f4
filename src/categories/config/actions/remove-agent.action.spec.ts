import 'reflect-metadata';
import { editorStandIn } from '../../../../test/support/agent-editor';
import { RemoveAgent, RemoveAgentHandler } from './remove-agent.action';

const PLACES = {
  second: { type: 'scene-detector' },
  'clip-renderer': { after: ['moment-selector', 'second'] },
};

function setUp(more = {}, inUse = false) {
  const { editor, registry, context, ...rest } = editorStandIn({ ...PLACES, ...more }, inUse);
  const handler = new RemoveAgentHandler(editor, registry);
  const command = (agent_id: string) => Object.assign(new RemoveAgent(), { agent_id, context });
  return {
    ...rest,
    run: (agent_id: string) => handler.execute(command(agent_id)),
    preview: (agent_id: string) => handler.preview(command(agent_id)),
  };
}

describe('config.remove_agent', () => {
  it('takes the agent and its settings away, and lets those wait no more that only did so on request', async () => {
    const { run, saved, after } = setUp();
    await run('second');
    expect(after().ids).not.toContain('second');
    expect(after().node('clip-renderer')?.needs).toEqual(['moment-selector']);
    expect(after().faults).toEqual([]);
    expect(saved[0]?.agents).toEqual({ second: null });
  });

  it.each(['run', 'preview'] as const)('is refused while jobs need it (%s)', async (way) => {
    const { [way]: remove } = setUp({}, true);
    await expect(remove('second')).rejects.toMatchObject({ code: 'AGENT_IN_USE' });
  });

  it.each([
    ['one that another was made for', 'second', { third: { type: 'audio-analyst', after: ['second'] } }],
    ['one that an agent of the product reads', 'audio-analyst', {}],
    ['one without which no job comes to anything', 'packager', {}],
  ])('refuses %s', async (_case, agentId, more) => {
    await expect(setUp(more).run(agentId)).rejects.toMatchObject({ code: 'AGENT_IN_USE' });
  });

  it('refuses one that is not there', async () => {
    await expect(setUp().run('nobody')).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' });
  });
});
