import type { Agent } from './agent';
import { audioAnalyst } from './audio-analyst.agent';
import { captioner } from './captioner.agent';
import { clipRenderer } from './clip-renderer.agent';
import { inspector } from './inspector.agent';
import { momentSelector } from './moment-selector.agent';
import { normaliser } from './normaliser.agent';
import { packager } from './packager.agent';
import { qualityGate } from './quality-gate.agent';
import { sceneDetector } from './scene-detector.agent';
import { speechDetector } from './speech-detector.agent';
import { visualScorer } from './visual-scorer.agent';

/** Every agent, each after those that it needs. Adding one = its file and a line here. */
export const AGENTS: readonly Agent[] = [
  inspector,
  normaliser,
  audioAnalyst,
  speechDetector,
  sceneDetector,
  visualScorer,
  momentSelector,
  captioner,
  clipRenderer,
  qualityGate,
  packager,
];
