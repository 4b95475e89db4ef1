-- Surveys: what is asked on which scale, and whom by which rules (JSON).
CREATE TABLE feedback_surveys (
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    metric TEXT NOT NULL,
    question TEXT NOT NULL,
    audience TEXT NOT NULL,
    open_until BIGINT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    PRIMARY KEY (tenant, name),
    FOREIGN KEY (tenant) REFERENCES tenants (name)
);

-- That a respondent was asked, and when they answered. Asking holds the tenant's row of feedback_heads, so that two hosts
-- do not ask somebody at the same time.
CREATE TABLE feedback_asked (
    tenant TEXT NOT NULL,
    survey TEXT NOT NULL,
    respondent TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    answered_at BIGINT,
    PRIMARY KEY (tenant, survey, respondent, asked_at),
    FOREIGN KEY (tenant, survey) REFERENCES feedback_surveys (tenant, name)
);
CREATE INDEX feedback_asked_by_respondent ON feedback_asked (tenant, respondent, asked_at);
