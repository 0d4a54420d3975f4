import 'reflect-metadata';
import { editorStandIn } from '../../../../test/support/agent-editor';
import { ConfigureAgent, ConfigureAgentHandler } from './configure-agent.action';

function setUp() {
  const { editor, registry, context, ...rest } = editorStandIn();
  const handler = new ConfigureAgentHandler(editor, registry);
  return {
    ...rest,
    run: (more: Partial<ConfigureAgent>) =>
      handler.execute(Object.assign(new ConfigureAgent(), { agent_id: 'audio-analyst', context, ...more })),
  };
}

describe('config.configure_agent', () => {
  it('changes what is given, and nothing else', async () => {
    const { run, saved, after } = setUp();
    await run({ enabled: false, timeout_s: 90 });
    expect(saved).toEqual([{ pipeline: { agents: { 'audio-analyst': { enabled: false, timeout_s: 90 } } } }]);
    expect(after().node('audio-analyst')).toMatchObject({ enabled: false, timeoutS: 90, maxAttempts: 3 });
  });

  it('changes settings without a word about the graph', async () => {
    const { run, saved } = setUp();
    await run({ settings: { silence_db: null } });
    expect(saved).toEqual([{ agents: { 'audio-analyst': { silence_db: null } } }]);
  });

  it('refuses an agent that does not exist', async () => {
    const { run } = setUp();
    await expect(run({ agent_id: 'nobody', enabled: false })).rejects.toMatchObject({
      code: 'AGENT_NOT_FOUND',
    });
  });
});
