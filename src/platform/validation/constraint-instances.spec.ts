import { Validate, ValidatorConstraint, validateSync } from 'class-validator';
import { findConstraintsByClass } from './constraint-instances';

let made = 0;

@ValidatorConstraint({ name: 'even' })
class Even {
  constructor() {
    made += 1;
  }
  validate(value: number): boolean {
    return value % 2 === 0;
  }
}

class Pair {
  @Validate(Even) first = 2;
  @Validate(Even) second = 2;
}

describe('the instances of rules', () => {
  beforeEach(findConstraintsByClass);

  it('are made once and judge each value', () => {
    const odd = Object.assign(new Pair(), { second: 3 });

    expect(validateSync(new Pair())).toEqual([]);
    expect(validateSync(odd).map(({ property }) => property)).toEqual(['second']);
    expect(made).toBe(1);
  });
});
