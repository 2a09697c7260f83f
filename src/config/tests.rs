use emv::fields::{Amount, Ttq, Tvr};
use emv::kernel::c3;
use emv::profile::{KernelConfiguration, Limits};

use super::*;

/// The example, with the test keys of the simulator and one change.
fn read(find: &str, replace: &str) -> Result<Config, String> {
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/sim/keys/test-ca.toml");
    let text = EXAMPLE.replace("/usr/share/tenderd/keys/test-ca.toml", keys);
    assert!(text.contains(find), "{find} is not in the example");
    let source = Source::of_text("tenderd.toml", &text.replacen(find, replace, 1));
    Config::read(&source).map_err(|error| error.to_string())
}

//= test A 8.1.1.1, 8.1.1.2
#[test]
fn each_scheme_has_its_kernel_its_types_and_its_limits() {
    let config = read(
        "transactions = [\"purchase\", \"refund\"]\ntransaction_limit = \"10000.00\"",
        "transactions = [\"refund\"]\ntransaction_limit = \"75.00\"",
    )
    .unwrap();
    let of = |rid: [u8; 5]| config.profile.combinations().iter().position(|one| one.aid.rid() == rid).unwrap();
    let (visa, mastercard) = (of([0xA0, 0, 0, 0, 0x03]), of([0xA0, 0, 0, 0, 0x04]));
    let combinations = config.profile.combinations();
    assert_eq!(
        (combinations[visa].kernel_id.as_bytes(), &combinations[visa].transaction_types[..]),
        (&[3][..], &[0x20][..])
    );
    assert_eq!(combinations[mastercard].kernel_id.as_bytes(), [2]);
    assert!(combinations[mastercard].transaction_types.contains(&0x00));
    assert_eq!(combinations[visa].limits.contactless_transaction_limit, Some(Amount::from(7500)));
    assert_eq!(combinations[visa].limits.ttq, Some(Ttq::from_bytes([0x22, 0x00, 0x40, 0x00])));
    assert!(matches!(config.profile.kernel(visa), KernelConfiguration::C3(_)));
    let KernelConfiguration::C2(kernel) = config.profile.kernel(mastercard) else { panic!("kernel 2") };
    assert_eq!(kernel.transaction_limit_no_on_device_cvm, Amount::from(1_000_000));
    assert_eq!(kernel.action_codes.online, Tvr::from_bytes([0xF4, 0x50, 0x84, 0x80, 0x0C]));
}

#[test]
fn the_example_is_a_good_configuration() {
    let config = read("mode", "mode").unwrap();
    assert_eq!((config.mode, config.currency.alpha(), config.terminal_id.as_str()), (Mode::Test, "EUR", "TERM0001"));
    assert_eq!(config.scheme_of(&[0xA0, 0, 0, 0, 0x04, 0x10, 0x10, 0xD0]), Some("Mastercard"));
    assert_eq!(config.scheme_of(&[0xA0, 0, 0, 0, 0x65]), None);
}

#[test]
fn a_transit_gate_says_so_to_cards_and_reads_what_it_knows_of_them() {
    let gate = "poi_information = \"0001020001\"\nproprietary_data = [\"0102\"] #";
    let config = read("# poi_information = ", gate).unwrap();
    let point = &config.profile.point_of_interaction;
    assert_eq!(point.information.terminal_category(), Some([0x00, 0x01]));
    assert_eq!((point.country, &point.proprietary_data_identifiers[..]), ([0x02, 0x76], &[0x0102][..]));
}

#[test]
fn an_error_names_file_line_and_key() {
    for (find, replace, message) in [
        ("country = \"0276\"", "country = \"DE\"", "terminal.country: `DE` must be 4 digits"),
        ("currency = \"EUR\"", "currency = \"XXX\"", "terminal.currency: "),
        ("type = \"22\"", "type = \"99\"", "terminal.type: `99` is no Terminal Type"),
        ("127.0.0.1:8583", "nonsense", "host.address: `nonsense` is not of the form name:port"),
        ("response_timeout_ms = 30000", "response_timeout_ms = 0", "host.response_timeout_ms: must be more than 0"),
        ("card_timeout_s = 60", "card_timeout_s = 0", "terminal.card_timeout_s: must be 5 to 3600 seconds"),
        ("ttq = \"22004000\"", "ttq = \"26004000\"", "scheme.ttq: a PIN needs a PIN pad"),
        ("ttq = \"22004000\"", "tac_denial = \"0000000000\"", "scheme.tac_denial: kernel 3 has no tac_denial"),
        ("tac_denial = ", "ttq = \"22004000\"\n#", "scheme.ttq: kernel 2 has no ttq"),
        ("zero_amount_offline = false", "zero_amount_offline = 0", "scheme.zero_amount_offline: invalid type"),
        (
            "tac_denial = ",
            "zero_amount_offline = true\n#",
            "scheme.zero_amount_offline: kernel 2 has no zero_amount_offl",
        ),
        ("aids = [\"A0000000031010\", \"A0000000032010\"]", "aids = []", "scheme.aids: a scheme has one AID"),
        ("\"A0000000032010\"]", "\"A0000000031010\"]", "scheme.aids: AID A0000000031010 is there twice"),
        ("DF8118 = \"20\"", "DF8118 = \"40\"", "scheme.objects.DF8118: a PIN needs a PIN pad"),
        ("DF8119 = \"08\"", "DF8119 = \"88\"", "scheme.objects.DF8119: a PIN needs a PIN pad"),
        ("DF8119 = \"08\"", "DF811E = \"20\"", "scheme.objects.DF811E: a PIN needs a PIN pad"),
        ("DF8119 = \"08\"", "DF812C = \"20\"", "scheme.objects.DF812C: a PIN needs a PIN pad"),
        (
            "# poi_information = \"0001020001\"",
            "poi_information = \"0001\"",
            "terminal.poi_information: not a list of identifiers",
        ),
        ("# proprietary_data = [\"0001\"]", "proprietary_data = [\"01\"]", "terminal.proprietary_data: `01` must be 4"),
        ("DF8119 = \"08\"", "DF8110 = \"\"", "scheme.objects.DF8110: an empty value needs an application"),
        (
            "options = [\"cashback_check\"",
            "options = [\"integrated_data_storage\"",
            "scheme.options: integrated_data_storage needs an application",
        ),
        ("floor_limit = \"0.00\"", "floor_limit = \"0.001\"", "scheme.floor_limit: "),
        ("mode = \"test\"", "mode = \"tset\"", "mode: unknown variant `tset`"),
        ("cvm_limit", "cvm_limt", "scheme.cvm_limt: unknown field `cvm_limt`"),
        ("DF8117 = \"00\"", "DF8117 = \"0000\"", "scheme.objects.DF8117: DF8117"),
        ("options = [\"cash", "options = [\"tips\", \"cash", "scheme.options: Kernel 3 has the options "),
        ("ttq = \"22004000\"", "ttq = \"2A00C000\"", "scheme.ttq: an offline-only reader gets nothing"),
        (
            "transaction_limit_cdcvm",
            "options = [\"cashback_check\"]\ntransaction_limit_cdcvm",
            "scheme.options: kernel 2 has no options",
        ),
    ] {
        let error = read(find, replace).unwrap_err();
        let before = EXAMPLE.find(find).expect("it is in the example");
        let place = format!("tenderd.toml:{}: ", EXAMPLE[..before].matches('\n').count() + 1);
        assert!(error.starts_with(&place) && error[place.len()..].starts_with(message), "{error}");
    }
}

#[test]
fn a_limit_of_offline_approvals_is_for_a_scheme_or_for_all() {
    let limits = |lines: &str| read("[readers]", &format!("{lines}\n[readers]")).map(|config| config.offline.limits);
    let found = limits("[[offline.limit]]\nscheme = \"Visa\"\namount = \"50.00\"\n[[offline.limit]]\nage_hours = 24");
    let found = found.unwrap();
    assert_eq!((found[0].scheme.as_deref(), found[0].amount), (Some("Visa"), Some(Amount::from(5000))));
    assert_eq!((found[1].scheme.as_deref(), found[1].age), (None, Some(jiff::SignedDuration::from_hours(24))));
    for (lines, message) in [
        ("count = 3\nscheme = \"Visum\"", "offline.limit.scheme: there is no [[scheme]] of the name `Visum`"),
        ("sum = \"5.001\"", "offline.limit.sum: "),
        ("count = 3\ncurrency = \"USD\"", "offline.limit.currency: this terminal takes EUR, not USD"),
        ("scheme = \"Visa\"", "offline.limit: limits nothing"),
        ("cout = 3", "offline.limit.cout: unknown field"),
    ] {
        let error = limits(&format!("[[offline.limit]]\n{lines}")).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

/// Kernel 3 of the example, which is the first of its schemes, with these lines behind its own.
fn kernel_3(lines: &str) -> Result<Arc<c3::Configuration>, String> {
    let config = read("# zero_amount = true\n", &format!("{lines}\n"))?;
    let KernelConfiguration::C3(kernel) = config.profile.kernel(0) else { panic!("kernel 3 is the first") };
    Ok(Arc::clone(kernel))
}

//= test C-3 3.3.3.1, 3.3.4.1, 3.3.4.2, 3.3.4.3
#[test]
fn options_of_kernel_3_are_enabled_by_name_and_told_to_the_card() {
    let kernel = kernel_3("").unwrap();
    assert_eq!(kernel.options.enabled().collect::<Vec<_>>(), ["manual_cash_check", "cashback_check"]);
    let config = read("options = [\"cash", "options = [\"fdda_for_online\", \"cash").unwrap();
    let ttq = config.profile.combinations()[0].limits.ttq.unwrap();
    assert_eq!(ttq.as_bytes(), &[0x23, 0x00, 0x40, 0x00]);
}

//= test A 5.6.5
#[test]
fn a_zero_amount_goes_online_or_is_like_any_other_or_is_not_allowed() {
    for (find, replace, flags) in [
        ("zero_amount = true", "zero_amount = true", (Some(true), false)),
        ("zero_amount = true", "zero_amount = false", (Some(false), false)),
        ("zero_amount_offline = false", "zero_amount_offline = true", (Some(true), true)),
        ("zero_amount_offline = false", "", (Some(true), false)),
    ] {
        let config = read(find, replace).unwrap();
        let limits = &config.profile.combinations()[0].limits;
        assert_eq!((limits.zero_amount_allowed, limits.zero_amount_for_offline_allowed), flags, "{replace}");
    }
}

#[test]
fn kernel_3_has_limits_by_program() {
    let program = "[[scheme.program]]\nid = \"31026826\"\ntransaction_limit = \"none\"\nfloor_limit = \"25.00\"\n\
                   cvm_limit = \"none\"\nzero_amount = false";
    let kernel = kernel_3(program).unwrap();
    let expected = c3::DynamicReaderLimits {
        program_id: [0x31, 0x02, 0x68, 0x26].into_iter().collect(),
        limits: Limits {
            contactless_floor_limit: Some(Amount::from(2500)),
            zero_amount_allowed: Some(false),
            ..Limits::default()
        },
    };
    assert_eq!(kernel.dynamic_reader_limits, [expected]);
    for id in ["", "3102682612000003310268261200000301"] {
        let error = kernel_3(&program.replace("31026826", id)).unwrap_err();
        assert!(error.contains("scheme.program.id: ") && error.ends_with("must be 1 to 16 bytes"), "{error}");
    }
}

#[test]
fn objects_of_kernel_3_are_the_terminal_s() {
    let kernel = kernel_3("[scheme.objects]\n9F4E = \"53686F70\"").unwrap();
    assert_eq!(kernel.objects.get(emv::dict::MERCHANT_NAME_AND_LOCATION), Some(&b"Shop"[..]));
    let error = kernel_3("[scheme.objects]\n9F6C = \"0000\"").unwrap_err();
    assert!(error.contains("scheme.objects.9F6C: ") && error.ends_with("is not the terminal's to give"), "{error}");
}

#[test]
fn what_a_scheme_must_say_is_missed_where_it_is_not_said() {
    let line = EXAMPLE.lines().find(|line| line.starts_with("ttq = ")).unwrap();
    let error = read(line, "").unwrap_err();
    assert!(error.contains("scheme.name: kernel 3 needs a ttq"), "{error}");
    let error = read("cvm_limit = \"50.00\"", "").unwrap_err();
    assert!(error.contains("missing field `cvm_limit`"), "{error}");
}

#[test]
fn no_limit_is_said_as_none() {
    let config = read("floor_limit = \"0.00\"", "floor_limit = \"none\"").unwrap();
    assert_eq!(config.profile.combinations()[0].limits.contactless_floor_limit, None);
}

#[test]
fn a_live_terminal_takes_neither_test_keys_nor_simulated_readers() {
    let error = read("mode = \"test\"", "mode = \"live\"").unwrap_err();
    assert!(error.ends_with("a test key in a live terminal"), "{error}");
    let simulated = "mode = \"live\"\n[merchant]";
    let text = EXAMPLE
        .replace("simulated = []", "simulated = [\"visa-online\"]")
        .replace("mode = \"test\"\n\n[merchant]", simulated);
    let error = Config::read(&Source::of_text("tenderd.toml", &text)).unwrap_err().to_string();
    assert!(error.contains("readers.simulated") || error.contains("simulated readers need"), "{error}");
}

#[test]
fn what_tls_can_not_be_is_told_by_its_line_and_key() {
    for (setting, message) in [
        ("ca = 'nowhere.pem'", "ca: nowhere.pem: No such file"),
        ("ca = 'README.md'", "ca: README.md: no certificates in PEM"),
        ("server_name = 'not a name'", "server_name: `not a name` is no name of a host"),
        ("pins = []", "pins: an empty list matches no key"),
        ("pins = ['00']", "pins: `00` is no pin: 64 hexadecimal digits are"),
        ("min_version = '1.1'", "min_version: unknown variant `1.1`, expected `1.2` or `1.3`"),
        ("certificate = 'README.md'", "certificate: `certificate` and `key` go together"),
        ("key = { file = 'terminal.key' }", "key: `certificate` and `key` go together"),
        ("verify = false", "verify: unknown field `verify`"),
    ] {
        let table = "# [host.tls]";
        let error = read(table, &format!("[host.tls]\n{setting}\n#")).unwrap_err();
        let line = EXAMPLE.lines().position(|line| line == table).unwrap() + 2;
        assert!(error.starts_with(&format!("tenderd.toml:{line}: host.tls.{message}")), "{setting}: {error}");
    }
}

#[test]
fn what_the_link_can_not_be_is_told_by_its_line_and_key() {
    let address = "address = \"127.0.0.1:8583\"";
    for (setting, message) in [
        ("tls = 'yes'", "tls: invalid type: string \"yes\", expected true, false, or a table"),
        ("backups = ['backup']", "backups: `backup` is not of the form name:port"),
        ("proxy = 'proxy'", "proxy: `proxy` is not of the form name:port"),
        ("echo_every_s = 0", "echo_every_s: invalid value"),
        ("close_when_idle_s = 60\necho_every_s = 60", "echo_every_s: must be less than close_when_idle_s"),
    ] {
        let error = read(address, &format!("{address}\n{setting}")).unwrap_err();
        assert!(error.contains(&format!(": host.{message}")), "{setting}: {error}");
    }
}

#[test]
fn a_live_terminal_sends_card_data_in_clear_only_where_somebody_has_said_so() {
    let live = EXAMPLE.replace("mode = \"test\"", "mode = \"live\"");
    for (settings, is_refused) in [
        ("address = 'gateway.bank.example:8583'", true),
        ("address = '192.0.2.1:8583'", true),
        ("address = '127.0.0.1:8583'\nproxy = 'proxy.shop.example:3128'", true),
        ("address = '127.0.0.1:8583'\nbackups = ['192.0.2.1:8583']", true),
        ("address = '127.0.0.1:8583'", false),
        ("address = 'localhost:8583'", false),
        ("address = 'gateway.bank.example:8583'\ntls = false", false),
    ] {
        let text = live.replace("address = \"127.0.0.1:8583\"", settings);
        // Test keys are refused afterwards.
        let error = Config::read(&Source::of_text("tenderd.toml", &text)).unwrap_err().to_string();
        assert_eq!(error.contains("host.address: mode = \"live\" without TLS"), is_refused, "{settings}: {error}");
    }
}
