import { surplusOf } from './scale-down';

const NAMES = ['worker-1', 'worker-2', 'worker-3'];

describe('what goes when a role is scaled down', () => {
  it.each<[number, string[], string[]]>([
    [3, [], []],
    [9, ['worker-1'], []],
    [2, [], ['worker-3']],
    [1, ['worker-2'], ['worker-2', 'worker-3']],
    [1, ['worker-1', 'worker-2', 'worker-3'], ['worker-1', 'worker-2']],
    [2, ['gone-7'], ['worker-3']],
    [0, ['worker-2'], ['worker-2', 'worker-3', 'worker-1']],
  ])('to %i with %j first is %j', (replicas, first, gone) =>
    expect(surplusOf(NAMES, replicas, first)).toEqual(gone),
  );
});
