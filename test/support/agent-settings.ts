/** What a setting of an agent may be, and what not. */
export interface SettingCase {
  readonly takes: readonly unknown[];
  readonly refuses: readonly unknown[];
  /** What has to be set besides for that. */
  readonly beside?: Readonly<Record<string, unknown>>;
}

/** From here to there, both included. */
function range(from: number, to: number, beside?: SettingCase['beside']): SettingCase {
  return { takes: [from, to], refuses: [from - 0.001, to + 0.001, `${from}`, null, true], beside };
}

/** The same, whole numbers only. */
function whole(from: number, to: number): SettingCase {
  return { takes: [from, to], refuses: [from - 1, to + 1, from + 0.5, `${from}`, null] };
}

const flag: SettingCase = { takes: [true, false], refuses: [0, 1, 'true', null] };

const oneOf = (...choices: string[]): SettingCase => ({
  takes: choices,
  refuses: ['other', '', choices[0]?.toUpperCase(), 1, null, choices],
});

/** Every setting of every agent that the product comes with, by hand: a second opinion. */
export const AGENT_SETTINGS: Readonly<Record<string, Readonly<Record<string, SettingCase>>>> = {
  inspector: {
    min_duration_s: range(0.5, 3_600),
    max_duration_s: range(1, 86_400),
    max_streams: whole(1, 64),
    max_dimension: whole(16, 8_192),
    min_decodable: range(0, 1),
    accept_partial: flag,
  },
  normaliser: { proxy_short_side: whole(90, 1_080), max_fps: range(1, 60), crf: whole(10, 40) },
  'audio-analyst': { silence_db: range(-90, -5), min_silence_s: range(0.05, 60) },
  'speech-detector': {
    enter_threshold: range(0.05, 0.99),
    leave_threshold: range(0.01, 0.99),
    min_silence_s: range(0, 10),
    min_speech_s: range(0, 10),
  },
  'scene-detector': {
    cut_threshold: range(0.1, 100),
    soft_cut_threshold: range(0.1, 100),
    stands_out: range(1, 100),
    min_shot_s: range(0, 60),
    min_black_s: range(0.02, 60),
    freeze_noise_db: range(-90, -10),
    min_freeze_s: range(0.1, 60),
  },
  'visual-scorer': { sample_fps: range(1, 10), bar_limit: whole(0, 128), sharpness: flag },
  'moment-selector': {
    count: whole(1, 50),
    min_s: range(1, 600, { max_s: 3_600 }),
    max_s: range(1, 3_600, { min_s: 1 }),
    target_s: range(1, 3_600),
    weights: {
      takes: [{}, { speech: 1 }, { proposed: 0, speech: 0, sound: 0.5 }],
      refuses: [{ speech: -0.1 }, { speech: 1.1 }, { speech: '1' }, { nothing: 1 }, [], 1, null],
    },
    dead_penalty: range(0, 10),
    still_penalty: range(0, 10),
    mid_speech_penalty: range(0, 10),
    max_dead_share: range(0, 1),
  },
  captioner: { source: oneOf('auto', 'uploaded', 'off'), min_confidence: range(0, 1) },
  'clip-renderer': {
    formats: {
      takes: [['16x9'], ['9x16', 'original'], ['vertical']],
      refuses: [[], ['4x3'], ['16x9', 1], '16x9', null],
    },
    fill_16x9: oneOf('blur_pad', 'crop'),
    fill_9x16: oneOf('blur_pad', 'crop'),
    crop_x: range(0, 1),
    remove_bars: flag,
    max_short_side: whole(90, 2_160),
    max_fps: range(1, 60),
    crf: whole(10, 40),
    loudness: oneOf('two_pass', 'off'),
    burn_captions: oneOf('off', 'final', 'all'),
  },
  'quality-gate': {
    min_ssim: range(0, 1),
    max_true_peak_dbtp: range(-20, 10),
    max_still_share: range(0, 1),
    max_kbps: whole(100, 200_000),
    rerender: flag,
    rerender_crf: whole(10, 40),
  },
  packager: { hls: flag, storyboard: flag },
};
