Feature: Flow
  Scenario: Tasks follow each other by name
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: default, name: flow, version: 1.0.0 }
    do:
      - first:
          set: { path: [ first ] }
          then: third
      - second:
          set: { path: '${ .path + ["second"] }' }
          then: end
      - third:
          set: { path: '${ .path + ["third"] }' }
          then: second
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    path: [ first, third, second ]
    """
    And first should run first
    And second should run last

  Scenario: Exit leaves the list and end the workflow
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: default, name: flow, version: 1.0.0 }
    do:
      - inner:
          do:
            - one: { set: { n: 1 }, then: exit }
            - two: { set: { n: 2 } }
      - after: { set: { n: '${ .n + 10 }' } }
      - stop: { do: [ { three: { set: { n: '${ .n + 100 }' }, then: end } } ] }
      - never: { set: { n: 0 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    n: 111
    """
    And three should run last

  Scenario: A task whose condition is false is passed over, with what would follow it
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: default, name: flow, version: 1.0.0 }
    do:
      - refuse:
          if: .age < 18
          raise: { error: { type: https://example.com/errors/too-young, status: 403 } }
          then: end
      - accept: { set: { accepted: true } }
    """
    And given the workflow input is:
    """yaml
    age: 20
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    accepted: true
    """

  Scenario: A default case is taken where no other fits
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: default, name: flow, version: 1.0.0 }
    do:
      - choose:
          switch:
            - hot: { when: .degrees > 30, then: hot }
            - else: { then: mild }
      - hot: { set: { is: hot }, then: end }
      - mild: { set: { is: mild } }
    """
    And given the workflow input is:
    """yaml
    degrees: 20
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    is: mild
    """

  Scenario: Branches run at once and their outputs are a list
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: default, name: flow, version: 1.0.0 }
    do:
      - both:
          fork:
            branches:
              - left: { set: { side: '${ .side + "-left" }' } }
              - right: { do: [ { pause: { wait: PT1M } }, { say: { set: { side: '${ .side + "-right" }' } } } ] }
    """
    And given the workflow input is:
    """yaml
    side: x
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    - side: x-left
    - side: x-right
    """

  Scenario: A loop hands on what each round made
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: default, name: flow, version: 1.0.0 }
    do:
      - sum:
          for: { each: n, in: .numbers, at: i }
          while: (.sum // 0) < 10
          do:
            - add: { set: { sum: '${ (.sum // 0) + $n }', last: '${ $i }' } }
    """
    And given the workflow input is:
    """yaml
    numbers: [ 1, 4, 6, 100 ]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 11
    last: 2
    """
