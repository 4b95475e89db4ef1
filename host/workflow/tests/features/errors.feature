Feature: Errors
  Scenario: An error that is caught is worked on
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: default, name: errors, version: 1.0.0 }
    do:
      - find:
          try:
            - get: { call: http, with: { method: get, endpoint: 'https://petstore.swagger.io/v2/pet/{name}' } }
          catch:
            errors: { with: { type: https://serverlessworkflow.io/spec/1.0.0/errors/communication, status: 404 } }
            as: problem
            do:
              - note: { set: { status: '${ $problem.status }', where: '${ $problem.instance }' } }
    """
    And given the workflow input is:
    """yaml
    name: nobody
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: 404
    where: /do/0/find/try/0/get
    """

  Scenario: An error of another kind is not caught
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: default, name: errors, version: 1.0.0 }
    use:
      errors:
        outOfStock: { type: https://example.com/errors/out-of-stock, status: 409, title: Out of stock, detail: '${ "no \(.item) left" }' }
    do:
      - order:
          try:
            - check: { raise: { error: outOfStock } }
          catch:
            errors: { with: { status: 404 } }
    """
    And given the workflow input is:
    """yaml
    item: kettle
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/errors/out-of-stock
    status: 409
    title: Out of stock
    detail: no kettle left
    instance: /do/0/order/try/0/check
    """

  Scenario: An input that breaks its schema is refused
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: default, name: errors, version: 1.0.0 }
    input:
      schema: { document: { type: object, required: [ id ] } }
    do:
      - never: { set: { a: 1 } }
    """
    And given the workflow input is:
    """yaml
    name: x
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://serverlessworkflow.io/spec/1.0.0/errors/validation
    status: 400
    """

  Scenario: An expression that fails names its task
    Given a workflow with definition:
    """yaml
    document: { dsl: 1.0.3, namespace: default, name: errors, version: 1.0.0 }
    do:
      - add: { set: { sum: '${ .text + 1 }' } }
    """
    And given the workflow input is:
    """yaml
    text: x
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://serverlessworkflow.io/spec/1.0.0/errors/expression
    status: 400
    instance: /do/0/add
    """
