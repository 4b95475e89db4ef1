//! Tables of people in which nobody can be found, and tables whose rows are linked.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use serde_json::Value;
use steward_anonymity::Spec;
use steward_data::{LinkedTables, Protected, TableFiles};
use steward_duplicates::linkage;
use utoipa::ToSchema;

use crate::auth::{Caller, Use};
use crate::gateway::Shared;
use crate::problem::Problem;
use crate::upload::{Form, Unread};

/// Where tables are protected.
pub(crate) const PATH: &str = "/api/v1/tables/protect";
/// Where tables are linked.
pub(crate) const LINK_PATH: &str = "/api/v1/tables/link";

/// The form of a table. Further parts are the files of hierarchies, by the names that the job gives them.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes the form that is read by name")]
pub(crate) struct TableUpload {
    /// What each column is and what must be reached: `columns`, `models`, `metric`, `suppression_limit`.
    #[schema(example = json!({
        "columns": [
            {"name": "age", "role": "quasi-identifying", "hierarchy": {"kind": "intervals", "widths": [10]}},
            {"name": "illness", "role": "sensitive"},
        ],
        "models": [{"model": "k-anonymity", "k": 5}],
    }))]
    spec: Value,
    /// CSV in UTF-8 with a header.
    #[schema(value_type = String, format = Binary)]
    table: Vec<u8>,
    /// Everybody of whom the table could be.
    #[schema(value_type = Option<String>, format = Binary)]
    population: Option<Vec<u8>>,
}

/// A protected table.
#[derive(ToSchema)]
#[schema(as = ProtectedTable)]
#[allow(dead_code, reason = "it describes what the data crate answers")]
pub(crate) struct ProtectedBody {
    /// CSV in UTF-8 with a header.
    table: String,
    /// The level of each column, what is lost, how far each model was reached, and the risk `before` and `after`.
    report: Value,
}

/// Make a table coarser until nobody in it can be found.
///
/// Nothing is kept of it. The levels that reach the models and lose least are found; after two minutes the best ones
/// so far are taken, and the report says so.
#[utoipa::path(post, path = "/api/v1/tables/protect", tag = "datasets", security(("key" = ["invoke"])),
    request_body(content = TableUpload, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The table and what it is worth", body = ProtectedBody),
        (status = 422, description = "The job, the table or a hierarchy cannot be used, or nothing reaches the models"),
    ))]
pub(crate) async fn protect(
    _caller: Caller<Use>,
    State(gateway): State<Shared>,
    form: Unread,
) -> Result<Json<Protected>, Problem> {
    let mut form = Form::read(&gateway, form, gateway.config.limits.max_upload_bytes).await?;
    let spec: Spec = form.json("spec")?;
    let table = form.bytes("table")?;
    let (mut hierarchies, _share) = form.rest();
    let files: TableFiles<Bytes> = TableFiles {
        table,
        population: hierarchies.remove("population"),
        hierarchies,
    };
    Ok(Json(gateway.datasets.protect(spec, files).await?))
}

/// The form of tables that are linked.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes the form that is read by name")]
pub(crate) struct LinkUpload {
    /// Which rows are compared, and how: `blocking`, `comparisons`, `probability`, `id`, `prior`, `one_to_one`.
    #[schema(example = json!({
        "blocking": [["city"], ["phone"]],
        "comparisons": [
            {"column": "name", "compare": "jaro-winkler", "ignore": ["有限公司", "Ltd"]},
            {"column": "phone", "compare": "exact"},
            {"column": "born", "compare": "date"},
        ],
    }))]
    spec: Value,
    /// CSV in UTF-8 with a header.
    #[schema(value_type = String, format = Binary)]
    table: Vec<u8>,
    /// A second table, whose rows are linked to those of the first.
    #[schema(value_type = Option<String>, format = Binary)]
    other: Option<Vec<u8>>,
}

/// Tables whose rows are linked.
#[derive(ToSchema)]
#[schema(as = LinkedTables)]
#[allow(dead_code, reason = "it describes what the data crate answers")]
pub(crate) struct LinkedBody {
    /// CSV: `left`, `right`, `probability`, `weight`, and the level of each comparison.
    links: String,
    /// CSV: of one table, the table with `cluster` before its columns; of two, `cluster`, `table`, `row`.
    clusters: String,
    /// Rows, pairs, links, clusters, and what each level of each comparison says: `m`, `u`, `weight`.
    report: Value,
}

/// Find the rows of one table, or of two, that are the same person or company.
///
/// Nothing is kept of them. How much each agreement says is learned from the tables themselves (Fellegi and Sunter).
#[utoipa::path(post, path = "/api/v1/tables/link", tag = "datasets", security(("key" = ["invoke"])),
    request_body(content = LinkUpload, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "Links, clusters, and what was learned", body = LinkedBody),
        (status = 422, description = "The job or a table cannot be used, or the rules make too many pairs"),
    ))]
pub(crate) async fn link(
    _caller: Caller<Use>,
    State(gateway): State<Shared>,
    form: Unread,
) -> Result<Json<LinkedTables>, Problem> {
    let mut form = Form::read(&gateway, form, gateway.config.limits.max_upload_bytes).await?;
    let spec: linkage::Spec = form.json("spec")?;
    let table = form.bytes("table")?;
    let other = form.take("other");
    let _share = form.finish()?;
    Ok(Json(gateway.datasets.link(spec, table, other).await?))
}
