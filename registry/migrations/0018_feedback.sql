-- The number of the newest feedback of each tenant. Taking in holds the row of the tenant until it ends, so that feedback
-- becomes visible in the order of its numbers and a cursor never passes one by.
CREATE TABLE feedback_heads (
    tenant TEXT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);

-- What people said, anonymized before it came here, and what it is about. What is not named is empty.
CREATE TABLE feedback (
    tenant TEXT NOT NULL,
    seq BIGINT NOT NULL,
    id TEXT NOT NULL,
    source TEXT NOT NULL,
    survey TEXT NOT NULL,
    respondent TEXT NOT NULL,
    function TEXT NOT NULL,
    model TEXT NOT NULL,
    invocation TEXT NOT NULL,
    said_at BIGINT NOT NULL,
    said TEXT NOT NULL,
    anonymizer TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, seq),
    UNIQUE (tenant, id),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);
CREATE INDEX feedback_by_survey ON feedback (tenant, survey, seq);
CREATE INDEX feedback_by_respondent ON feedback (tenant, respondent);
