//! The management API: one file for each subject, each with its requests, answers and handlers.

pub(crate) mod audit;
pub(crate) mod behaviour;
pub(crate) mod datasets;
pub(crate) mod events;
pub(crate) mod feedback;
pub(crate) mod functions;
pub(crate) mod hooks;
pub(crate) mod impact;
pub(crate) mod inference;
pub(crate) mod invocations;
pub(crate) mod keys;
pub(crate) mod labelling;
pub(crate) mod me;
pub(crate) mod models;
pub(crate) mod plugins;
pub(crate) mod privacy;
mod rollout;
pub(crate) mod runs;
pub(crate) mod secrets;
pub(crate) mod sharing;
pub(crate) mod supply;
pub(crate) mod surveys;
pub(crate) mod system;
pub(crate) mod tables;
pub(crate) mod team;
pub(crate) mod tenants;
pub(crate) mod triggers;
pub(crate) mod usage;
pub(crate) mod workflows;

use http::{Method, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::console;
use crate::gateway::Shared;
use crate::openapi::described;
use crate::problem::{Problem, codes};

/// Every route, with its description.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(described())
        .routes(routes!(console::page))
        .routes(routes!(console::part))
        .routes(routes!(system::livez))
        .routes(routes!(system::readyz))
        .routes(routes!(system::metrics))
        .routes(routes!(system::openapi_document))
        .routes(routes!(plugins::list, plugins::publish))
        .routes(routes!(plugins::check))
        .routes(routes!(plugins::show))
        .routes(routes!(plugins::version))
        .routes(routes!(plugins::set_alias))
        .routes(routes!(supply::document))
        .routes(routes!(supply::trusted_keys, supply::trust))
        .routes(routes!(supply::distrust))
        .routes(routes!(supply::policy, supply::set_policy))
        .routes(routes!(functions::list))
        .routes(routes!(
            functions::show,
            functions::deploy,
            functions::delete
        ))
        .routes(routes!(functions::history))
        .routes(routes!(functions::rollback))
        .routes(routes!(functions::logs))
        .routes(routes!(rollout::status))
        .routes(routes!(rollout::promote))
        .routes(routes!(invocations::list))
        .routes(routes!(invocations::show))
        .routes(routes!(invocations::stats))
        .routes(routes!(models::list, models::push))
        .routes(routes!(models::show))
        .routes(routes!(models::set_alias))
        .routes(routes!(models::variants::quantize))
        .routes(routes!(models::variants::prune))
        .routes(routes!(
            models::deployments::show,
            models::deployments::deploy
        ))
        .routes(routes!(models::deployments::history))
        .routes(routes!(models::deployments::promote))
        .routes(routes!(models::deployments::rollback))
        .routes(routes!(models::deployments::status))
        .routes(routes!(
            models::evaluations::list,
            models::evaluations::evaluate
        ))
        .routes(routes!(models::heads::train))
        .routes(routes!(models::memory::load))
        .routes(routes!(models::memory::unload))
        .routes(routes!(inference::embed))
        .routes(routes!(inference::classify))
        .routes(routes!(inference::classify_tokens))
        .routes(routes!(inference::score_pairs))
        .routes(routes!(datasets::list))
        .routes(routes!(datasets::show, datasets::files::add))
        .routes(routes!(datasets::files::rows))
        .routes(routes!(datasets::files::rejects))
        .routes(routes!(datasets::files::diff))
        .routes(routes!(datasets::run))
        .routes(routes!(impact::begin))
        .routes(routes!(datasets::runs))
        .routes(routes!(datasets::show_run))
        .routes(routes!(datasets::run_rows))
        .routes(routes!(datasets::cancel))
        .routes(routes!(tables::protect))
        .routes(routes!(tables::link))
        .routes(routes!(privacy::budgets))
        .routes(routes!(privacy::set_budget))
        .routes(routes!(privacy::entries))
        .routes(routes!(privacy::ask))
        .merge(labelling())
        .merge(feedback())
        .merge(triggers())
        .merge(team())
        .merge(workflows())
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(secrets::list))
        .routes(routes!(secrets::set, secrets::delete))
        .routes(routes!(keys::rotate))
        .merge(tenants())
        .routes(routes!(usage::usage))
        .routes(routes!(usage::models))
        .routes(routes!(usage::quotas))
        .routes(routes!(audit::list))
        .routes(routes!(audit::verify))
        .routes(routes!(me::me))
        .fallback(no_such_route)
}

fn triggers() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(events::list, events::append))
        .routes(routes!(triggers::list))
        .routes(routes!(triggers::show, triggers::put, triggers::delete))
        .routes(routes!(triggers::dead))
        .routes(routes!(triggers::redrive))
        .routes(routes!(hooks::receive))
}

fn team() -> OpenApiRouter<Shared> {
    use team::{check_ins, cycles, measures, people, processes, reviews};
    OpenApiRouter::new()
        .routes(routes!(people::list))
        .routes(routes!(people::show, people::set, people::erase))
        .routes(routes!(people::erasures))
        .routes(routes!(measures::flow))
        .routes(routes!(measures::delivery))
        .routes(routes!(measures::attendance))
        .routes(routes!(check_ins::list))
        .routes(routes!(check_ins::show, check_ins::set, check_ins::remove))
        .routes(routes!(check_ins::entries))
        .routes(routes!(check_ins::answer))
        .routes(routes!(cycles::list))
        .routes(routes!(cycles::show, cycles::set))
        .routes(routes!(cycles::evaluate))
        .routes(routes!(reviews::list))
        .routes(routes!(reviews::show))
        .routes(routes!(reviews::set_goals))
        .routes(routes!(reviews::give_input))
        .routes(routes!(reviews::calibrate))
        .routes(routes!(reviews::sign_off))
        .routes(routes!(processes::list))
        .routes(routes!(processes::show, processes::set))
        .routes(routes!(processes::scores))
        .routes(routes!(processes::evaluate))
        .routes(routes!(processes::decisions))
        .routes(routes!(processes::give_scores))
        .routes(routes!(processes::sign_off))
        .routes(routes!(processes::erase))
}

fn workflows() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(workflows::list, workflows::apply))
        .routes(routes!(workflows::show, workflows::delete))
        .routes(routes!(workflows::extend))
        .routes(routes!(runs::start))
        .routes(routes!(runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(runs::journal))
        .routes(routes!(runs::pause))
        .routes(routes!(runs::resume))
        .routes(routes!(runs::cancel))
        .routes(routes!(runs::redrive))
        .routes(routes!(runs::approve))
        .routes(routes!(runs::replay))
}

fn tenants() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(tenants::list, tenants::create))
        .routes(routes!(tenants::show, tenants::set, tenants::delete))
        .routes(routes!(tenants::keys, tenants::create_key))
        .routes(routes!(tenants::revoke_key))
        .routes(routes!(tenants::rotate_key))
        .routes(routes!(sharing::shares))
        .routes(routes!(sharing::share, sharing::unshare))
        .routes(routes!(sharing::shared))
        .routes(routes!(sharing::install))
}

fn feedback() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(feedback::list, feedback::take))
        .routes(routes!(feedback::import))
        .routes(routes!(feedback::interview))
        .routes(routes!(feedback::analyse))
        .routes(routes!(feedback::score))
        .routes(routes!(feedback::experiment))
        .routes(routes!(behaviour::funnel))
        .routes(routes!(behaviour::retention))
        .routes(routes!(behaviour::paths))
        .routes(routes!(feedback::snapshot))
        .routes(routes!(surveys::list))
        .routes(routes!(surveys::show, surveys::set, surveys::remove))
        .routes(routes!(surveys::ask))
        .routes(routes!(feedback::erase))
}

fn labelling() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(
            labelling::projects::list,
            labelling::projects::create
        ))
        .routes(routes!(labelling::projects::show))
        .routes(routes!(labelling::projects::set_overlap))
        .routes(routes!(
            labelling::projects::guidelines,
            labelling::projects::add_guideline
        ))
        .routes(routes!(labelling::projects::guideline))
        .routes(routes!(
            labelling::projects::tasks,
            labelling::projects::add_tasks
        ))
        .routes(routes!(labelling::judging::task))
        .routes(routes!(labelling::judging::set_gold))
        .routes(routes!(labelling::judging::disputed))
        .routes(routes!(labelling::judging::adjudicate))
        .routes(routes!(labelling::work::next))
        .routes(routes!(labelling::work::skip))
        .routes(routes!(labelling::work::annotate))
        .routes(routes!(labelling::results::agreement))
        .routes(routes!(labelling::results::results))
        .routes(routes!(labelling::results::predict))
        .routes(routes!(labelling::results::weak))
        .routes(routes!(labelling::results::trust))
        .routes(routes!(labelling::files::import))
        .routes(routes!(labelling::files::export))
        .routes(routes!(labelling::files::snapshot))
}

async fn no_such_route(uri: Uri) -> Problem {
    Problem::new(
        &codes::NO_SUCH_ROUTE,
        format!(
            "there is nothing at `{}`; `/openapi.json` lists what there is",
            uri.path()
        ),
    )
}

pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(
        &codes::METHOD_NOT_ALLOWED,
        format!("`{}` does not answer to {method}", uri.path()),
    )
}

/// A version of a plugin or a model that an alias is to name.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AliasTarget {
    /// The version, as it was published.
    #[schema(value_type = String, example = "1.2.0")]
    pub version: semver::Version,
}
