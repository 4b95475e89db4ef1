//! What holds on every database and every object store.

mod artifacts;
mod check_ins;
mod datasets;
mod deployments;
mod events;
mod feedback;
mod functions;
mod identity;
mod isolation;
mod keys;
mod labelling;
mod models;
mod opening;
mod plugins;
mod privacy;
mod secrets;
mod stores;
mod supply;
mod surveys;
mod team;
mod usage;
mod workflows;

use crate::support::{Kind, Place};

/// Runs every case, each with a database and a store of its own.
macro_rules! contract {
    ($($module:ident :: $case:ident),* $(,)?) => {
        async fn every_case(place: &Place) {
            $(
                eprintln!("  {}", stringify!($module::$case));
                $module::$case(place).await;
            )*
        }
    };
}

contract! {
    opening::everything_is_found_again,
    opening::many_hosts_open_one_new_database,
    opening::tenants_are_created_once,
    opening::every_change_bumps_the_revision_and_nothing_else_does,
    isolation::tenants_do_not_see_each_other,
    plugins::a_version_is_published_once,
    plugins::one_of_many_publishers_wins,
    plugins::versions_and_aliases_are_found,
    plugins::what_breaks_a_rule_is_refused,
    plugins::what_a_step_says_of_itself_stays_with_the_version,
    functions::every_deployment_is_a_revision,
    functions::a_roll_back_is_a_new_revision,
    functions::hosts_that_deploy_at_once_get_numbers_of_their_own,
    functions::what_breaks_a_rule_is_refused,
    models::a_version_is_registered_once,
    models::references_are_resolved,
    models::variants_belong_to_a_version,
    models::what_breaks_a_rule_is_refused,
    deployments::every_deployment_is_a_revision_and_aliases_follow,
    deployments::of_many_at_once_one_follows_a_revision,
    deployments::a_deployment_without_sense_is_refused,
    deployments::an_evaluation_takes_the_place_of_the_one_before,
    deployments::the_first_reference_stays_until_it_is_forgotten,
    datasets::snapshots_are_numbered_and_stay,
    datasets::snapshots_that_come_at_once_get_numbers_of_their_own,
    datasets::a_run_has_one_end,
    keys::a_key_is_known_by_its_hash,
    keys::a_revoked_key_stays_revoked,
    identity::a_narrowed_key_is_kept_as_it_is,
    identity::a_rotated_key_has_two_secrets_for_a_while,
    identity::a_deleted_tenant_is_closed_and_its_name_stays_taken,
    identity::a_quota_is_never_exceeded,
    identity::calls_are_counted_by_day_and_month,
    identity::a_shared_version_is_installed_by_digest,
    identity::a_change_carries_its_entry_of_the_log,
    identity::a_log_that_was_tampered_with_is_found,
    labelling::guidelines_are_versions_and_annotations_name_theirs,
    labelling::a_task_is_leased_to_as_many_as_the_overlap_says,
    labelling::an_annotator_labels_a_task_once,
    labelling::many_at_once_never_exceed_the_overlap,
    labelling::gold_questions_are_mixed_in,
    labelling::who_skips_a_task_is_not_asked_again,
    labelling::ranks_decide_the_order,
    labelling::a_judge_decides_what_is_disputed,
    labelling::everything_that_was_said_is_read_page_by_page,
    labelling::spans_are_stored_in_one_spelling,
    labelling::batches_are_kept_whole_or_not_at_all,
    labelling::an_addition_that_broke_off_can_be_made_again,
    labelling::what_breaks_a_rule_is_refused,
    labelling::tenants_and_projects_do_not_mix,
    privacy::what_is_spent_stays_spent,
    privacy::a_question_has_one_answer,
    privacy::many_that_pay_at_once_overspend_nothing,
    privacy::what_breaks_a_rule_is_refused,
    privacy::the_unit_of_a_dataset_is_named_once,
    feedback::feedback_is_kept_once_and_in_order,
    feedback::feedback_is_found_by_what_it_is_about_and_erased_by_who_said_it,
    feedback::feedback_is_answered_in_pages_of_few_bytes,
    surveys::a_survey_is_set_shown_and_removed,
    surveys::nobody_is_asked_again_within_their_rest,
    surveys::an_answer_marks_that_somebody_was_asked,
    secrets::a_secret_has_versions_and_one_value,
    secrets::tenants_keep_secrets_of_the_same_name_apart,
    secrets::a_secret_that_was_set_meanwhile_is_not_put_back,
    events::the_log_is_appended_to_and_queried,
    events::what_happened_is_read_with_who_did_it,
    events::many_append_at_once_without_a_gap,
    events::one_host_has_a_delivery_at_a_time,
    events::dead_letters_are_brought_back,
    events::subjects_are_served_in_order,
    events::a_schedule_is_fired_once,
    team::a_review_is_signed_as_it_was_evaluated,
    team::who_was_erased_is_gone,
    team::what_is_over_is_erased,
    check_ins::everybody_is_asked_once_at_each_date,
    check_ins::who_is_asked_follows_the_team_and_the_cycle,
    check_ins::everybody_is_asked_however_many_they_are,
    check_ins::a_date_that_is_due_is_asked_for_though_the_check_in_is_set_again,
    check_ins::each_finds_what_they_and_their_people_were_asked,
    check_ins::who_is_erased_while_they_are_asked_leaves_nothing,
    check_ins::an_answer_is_kept_and_who_gives_none_is_told_once,
    check_ins::what_was_kept_long_enough_is_erased,
    check_ins::what_asks_nothing_is_refused,
    events::a_trigger_that_points_outside_needs_no_function,
    stores::a_bucket_keeps_what_was_set,
    stores::keys_are_listed_page_by_page,
    stores::increments_and_swaps_are_atomic,
    stores::what_does_not_fit_a_bucket_is_refused_whole,
    stores::a_container_keeps_its_objects,
    supply::what_comes_along_is_kept_with_the_version,
    supply::a_signature_that_does_not_hold_is_refused_whatever_the_policy,
    supply::only_what_a_trusted_key_signed_is_published_and_deployed,
    supply::a_key_has_one_name,
    workflows::a_version_never_changes,
    workflows::a_run_of_a_key_is_started_once,
    workflows::one_host_has_a_run_at_a_time,
    workflows::a_journal_is_written_by_who_has_the_run,
    workflows::what_a_host_does_not_know_it_has_passes_to_another,
    workflows::a_clock_that_has_gone_back_keeps_no_run_waiting,
    workflows::a_run_waits_and_is_woken,
    workflows::what_comes_in_while_a_run_is_parked_is_not_lost,
    workflows::runs_are_paused_resumed_cancelled_and_redriven,
    workflows::no_more_runs_begin_than_the_limit_says,
    workflows::a_workflow_with_open_runs_stays,
    workflows::schedules_and_events_start_a_run_once,
    workflows::steps_extend_a_workflow_in_their_order,
    workflows::a_replay_shares_a_beginning,
    workflows::no_tenant_waits_for_the_runs_of_another,
    workflows::many_that_end_at_once_wait_for_nobody,
    workflows::runs_begin_in_the_order_they_came,
    workflows::a_run_that_is_cancelled_before_its_turn_stays_so,
    workflows::no_part_of_a_run_begins_behind_its_end,
    workflows::runs_are_answered_in_pages_of_few_bytes,
    usage::concurrent_usage_adds_up,
    usage::a_batch_is_recorded_whole_or_not_at_all,
    usage::use_of_models_adds_up_and_is_held_against_its_quota,
    artifacts::bytes_are_kept_by_digest,
    artifacts::damage_is_found_and_healed,
    artifacts::files_are_complete_or_absent,
    artifacts::a_file_is_stored_as_its_bytes_are,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_and_a_folder() {
    every_case(&Place::start(Kind::SqliteLocal)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite_and_s3() {
    every_case(&Place::start(Kind::SqliteS3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgresql_and_a_folder() {
    every_case(&Place::start(Kind::PostgresLocal)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgresql_and_s3() {
    every_case(&Place::start(Kind::PostgresS3)).await;
}
