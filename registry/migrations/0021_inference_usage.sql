-- Tokens that functions gave to models, beside the texts. Rows that were counted before begin at zero.
ALTER TABLE usage_minutes ADD COLUMN inference_tokens BIGINT NOT NULL DEFAULT 0;

-- What a model was used, by whomever of the tenant: functions, calls from outside and jobs.
CREATE TABLE model_usage_minutes (
    tenant TEXT   NOT NULL REFERENCES tenants (name),
    minute BIGINT NOT NULL,
    model  TEXT   NOT NULL,
    calls  BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    PRIMARY KEY (tenant, minute, model)
);
