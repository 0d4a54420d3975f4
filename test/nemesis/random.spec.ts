import { eachOnce, FAULTS } from './faults/nemesis';
import { Random } from './random';

describe('random numbers', () => {
  it('are the same for the same seed, and others for another one', () => {
    const numbers = (seed: number) => {
      const random = new Random(seed);
      return Array.from({ length: 20 }, () => random.between(0, 1_000));
    };
    expect(numbers(7)).toEqual(numbers(7));
    expect(numbers(7)).not.toEqual(numbers(8));
  });

  it('stay within their bounds and reach them', () => {
    const random = new Random(1);
    const seen = new Set(Array.from({ length: 500 }, () => random.between(2, 5)));
    expect([...seen].sort()).toEqual([2, 3, 4, 5]);
  });

  it('pick the heavier ones more often', () => {
    const random = new Random(1);
    const picked = Array.from({ length: 1_000 }, () =>
      random.pickWeighted([
        [9, 'often'],
        [1, 'rarely'],
      ] as const),
    );
    const often = picked.filter((item) => item === 'often').length;
    expect(often).toBeGreaterThan(800);
    expect(often).toBeLessThan(1_000);
  });

  it('order the kinds of faults, each once', () => {
    expect(new Set(eachOnce(new Random(3)))).toEqual(new Set(FAULTS));
    expect(eachOnce(new Random(3))).toHaveLength(FAULTS.length);
  });
});
