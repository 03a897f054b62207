//! Builds the configuration of the other modules from the options.

use moesif_wire::Direction;

use super::options::Options;
use super::table::keys;
use super::{Masking, Outgoing, Settings, SettingsError};
use crate::call::{BodyMask, Masks, Policy};
use crate::delivery::Delivery;
use crate::http::{Endpoint, InvalidBaseUri, NetworkSettings, parse_base_uri};

/// Builds [`Settings`]. Proxies and certificate authorities come from `environment`. Adds a warning for each
/// variable that cannot be used.
///
/// # Errors
///
/// [`SettingsError`] about the application id or the base URI.
pub(super) fn configure(
    options: &Options,
    environment: &[(&str, &str)],
    warnings: &mut Vec<String>,
) -> Result<Settings, SettingsError> {
    let base_uri = base_uri(options)?;
    let network = NetworkSettings::from_environment(&base_uri, environment, warnings);
    let endpoint = Endpoint::new(
        base_uri,
        application_id(options)?,
        options.integration.user_agent(),
        options.get(keys::CONNECT_TIMEOUT),
        options.get(keys::REQUEST_TIMEOUT),
        network,
    );
    Ok(Settings {
        policy: policy(options),
        delivery: delivery(options, endpoint),
        masking: masking(options),
        debug: options.get(keys::DEBUG) || options.get(keys::LOCAL_DEBUG),
        pid_header: options.get(keys::DEBUG),
        read_request_body_first: options.get(keys::READ_REQUEST_BODY_FIRST),
        django_user: options.get(keys::DJANGO_USER),
        outgoing: Outgoing {
            captured: options.get(keys::CAPTURE_OUTGOING_REQUESTS),
            log_body: options.get(keys::LOG_BODY_OUTGOING),
        },
    })
}

fn policy(options: &Options) -> Policy {
    Policy {
        direction: Direction::Incoming,
        log_body: options.get(keys::LOG_BODY),
        request_max_body_size: options.size(keys::REQUEST_MAX_BODY_SIZE),
        response_max_body_size: options.size(keys::RESPONSE_MAX_BODY_SIZE),
        transaction_id: !options.get(keys::DISABLED_TRANSACTION_ID)
            && !options.get(keys::DISABLE_TRANSACTION_ID),
        api_version: options.get(keys::API_VERSION),
        authorization_header_names: options.get(keys::AUTHORIZATION_HEADER_NAME),
        authorization_user_id_field: options.get(keys::AUTHORIZATION_USER_ID_FIELD),
        masks: Masks {
            request_headers: options.get(keys::REQUEST_HEADER_MASKS),
            response_headers: options.get(keys::RESPONSE_HEADER_MASKS),
            request_body: BodyMask::new(options.get(keys::REQUEST_BODY_MASKS)),
            response_body: BodyMask::new(options.get(keys::RESPONSE_BODY_MASKS)),
            query: options.get(keys::REQUEST_QUERY_MASKS),
        },
        strip_content: options.strips_content(),
    }
}

fn masking(options: &Options) -> Masking {
    let lists = [
        keys::REQUEST_HEADER_MASKS,
        keys::RESPONSE_HEADER_MASKS,
        keys::REQUEST_BODY_MASKS,
        keys::RESPONSE_BODY_MASKS,
        keys::REQUEST_QUERY_MASKS,
    ];
    let is_list_set = lists.into_iter().any(|list| !options.get(list).is_empty());
    if options.is_set(keys::MASK_EVENT_MODEL) || is_list_set { Masking::On } else { Masking::Off }
}

fn delivery(options: &Options, endpoint: Endpoint) -> Delivery {
    Delivery {
        endpoint,
        queue_size: options.size(keys::EVENT_QUEUE_SIZE),
        queue_bytes: options.get(keys::EVENT_QUEUE_BYTES),
        batch_size: options.size(keys::BATCH_SIZE),
        batch_bytes: options.size(keys::BATCH_BYTES),
        batch_timeout: options.get(keys::EVENT_BATCH_TIMEOUT),
        workers: options.size(keys::EVENT_WORKER_COUNT),
        flush_timeout: options.get(keys::FLUSH_TIMEOUT),
    }
}

/// Returns the application id. It is sent as a header, so it must be printable ASCII.
fn application_id(options: &Options) -> Result<String, SettingsError> {
    let id = options.get(keys::APPLICATION_ID);
    let id = id.ok_or_else(|| options.missing(keys::APPLICATION_ID))?;
    let id = id.trim();
    if id.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Ok(id.to_owned());
    }
    let expected = "printable ASCII text, because it is sent as a header";
    Err(options.invalid(keys::APPLICATION_ID, format!("{id:?}"), expected.to_owned()))
}

/// Returns the base URI: `BASE_URI`, then its older name, then the default.
fn base_uri(options: &Options) -> Result<String, SettingsError> {
    let older = options.get(keys::LOCAL_MOESIF_BASEURL).filter(|_| !options.is_set(keys::BASE_URI));
    let text = older.clone().unwrap_or_else(|| options.get(keys::BASE_URI));
    parse_base_uri(&text).map_err(|InvalidBaseUri| {
        let (value, expected) = (format!("'{}'", without_secrets(&text)), InvalidBaseUri.to_string());
        match older {
            Some(_) => options.invalid(keys::LOCAL_MOESIF_BASEURL, value, expected),
            None => options.invalid(keys::BASE_URI, value, expected),
        }
    })
}

/// Returns a URI for a message, without user, password, query and fragment. It need not be valid.
fn without_secrets(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").map_or(("", uri), |(scheme, rest)| (scheme, rest));
    let separator = if scheme.is_empty() { "" } else { "://" };
    let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("…@", rest));
    let (rest, end) = match rest.find(['?', '#']).and_then(|at| rest.split_at_checked(at)) {
        Some((rest, hidden)) => (rest, hidden.chars().take(1).chain(['…']).collect()),
        None => (rest, String::new()),
    };
    format!("{scheme}{separator}{user}{rest}{end}")
}
