use tender_sim::crypto::{BaseDerivationKey, Usage};

use super::*;

fn hex(bytes: &[u8]) -> String {
    Hex(bytes.to_vec()).to_string()
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.parse::<Hex>().unwrap().0
}

fn aes() -> InitialKey {
    InitialKey::aes(&bytes("1273671EA26AC29AFA4D1084127652A1"), &bytes("1234567890123456")).unwrap()
}

fn tdes() -> InitialKey {
    InitialKey::tdes(&bytes("6AC292FAA1315B4D858AB3A3D7D5933A"), &bytes("FFFF9876543210E00000")).unwrap()
}

/// A journal that keeps what is written to it.
fn take(dukpt: &mut Dukpt, journal: &mut Vec<KeyReservation>) -> TransactionKeys {
    let written = dukpt.take(|reservation| {
        journal.push(reservation);
        Ok::<_, std::convert::Infallible>(())
    });
    written.unwrap()
}

/// The terminal as it comes back with this journal.
fn restarted(key: InitialKey, journal: &[KeyReservation]) -> Dukpt {
    Dukpt::new(key, journal.last().map_or(0, |reservation| reservation.last_counter))
}

#[test]
fn macs_and_data_of_tdes_are_those_published() {
    // ANSI X9.24-1:2009, A.4.2; openemv/dukpt, test/dukpt_tdes_test.c.
    let message = b"4012345678909D987";
    let mut terminal = Dukpt::new(tdes(), 0);
    let mut journal = Vec::new();
    for (request_mac, answer_mac, data) in [
        ("9CCC7817", "20364223", "FC0D53B7EA1FDA9EE68AAF2E70D9B9506229BE2AA993F04F"),
        ("F608A9BC", "D1FCA6BE", "A2B4E70F846E63D68775B7215EB4563DFD3037244C61CC13"),
    ] {
        let keys = take(&mut terminal, &mut journal);
        let mac = |usage| hex(&keys.mac_key(usage, MacAlgorithm::RetailPadding1).unwrap().mac(message)[..4]);
        assert_eq!(
            (mac(KeyUsage::MacGeneration), mac(KeyUsage::MacVerification)),
            (request_mac.into(), answer_mac.into())
        );
        assert_eq!(mac(KeyUsage::MacBothWays), request_mac);
        assert_eq!(hex(&keys.encrypt(KeyUsage::DataEncryption, message)), data);
    }
}

#[test]
fn data_of_aes_is_encrypted_under_the_published_key() {
    // The key: ANSI X9.24-3:2017, supplement; openemv/dukpt, test/dukpt_aes128_test.c.
    let keys = take(&mut Dukpt::new(aes(), 0), &mut Vec::new());
    let mut data = keys.encrypt(KeyUsage::DataEncryption, b"4761739001010119=3112");
    let key = AesKey::new(&bytes("A35C412EFD41FDB98B69797C02DCD08F")).unwrap();
    key.decrypt_cbc([0; 16], &mut data);
    assert_eq!(&data, b"4761739001010119=3112\0\0\0\0\0\0\0\0\0\0\0");
    let expected = MacKey::new(MacAlgorithm::AesCmac, &bytes("A2DC23DE6FDE0824A2BC321E08E4B8B7")).unwrap();
    let key = keys.mac_key(KeyUsage::MacGeneration, MacAlgorithm::AesCmac).unwrap();
    assert_eq!(key.mac(b"message"), expected.mac(b"message"));
}

#[test]
fn the_host_finds_the_keys_of_any_message() {
    let bytes_16 = |digits| Zeroizing::new(bytes(digits).try_into().unwrap());
    for (key, base, mask) in [
        (aes as fn() -> InitialKey, BaseDerivationKey::Aes(bytes_16("FEDCBA9876543210F1F1F1F1F1F1F1F1")), u32::MAX),
        (tdes, BaseDerivationKey::Tdes(bytes_16("0123456789ABCDEFFEDCBA9876543210")), 0x1F_FFFF),
    ] {
        let mut counter = 1_u32;
        for _ in 0..100 {
            // Numbers all over the range, the same in every run.
            counter = counter.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let mut terminal = Dukpt::new(key(), counter & mask >> 1);
            for _ in 0..3 {
                let keys = take(&mut terminal, &mut Vec::new());
                let number = keys.serial_number().as_bytes();
                for (ours, theirs) in
                    [(KeyUsage::MacGeneration, Usage::RequestMac), (KeyUsage::MacVerification, Usage::AnswerMac)]
                {
                    // With AES the key of a retail MAC is another than the host's of CMAC.
                    let algorithm = if mask == u32::MAX { MacAlgorithm::AesCmac } else { MacAlgorithm::RetailPadding2 };
                    let theirs = MacKey::new(algorithm, &*base.key(number, theirs).unwrap()).unwrap();
                    let mac = keys.mac_key(ours, algorithm).unwrap().mac(b"message");
                    assert!(theirs.verify(b"message", &mac), "{keys:?}");
                }
            }
        }
    }
}

#[test]
fn a_key_serial_number_is_never_used_again_wherever_the_power_was_cut() {
    for key in [aes as fn() -> InitialKey, tdes] {
        let mut journal = Vec::new();
        let mut used = Vec::new();
        for takes in [0, 1, 2, 15, 16, 17, 40] {
            let mut terminal = restarted(key(), &journal);
            for _ in 0..takes {
                let written = journal.len();
                let serial_number = take(&mut terminal, &mut journal).serial_number().clone();
                assert!(!used.contains(&serial_number), "{serial_number}");
                used.push(serial_number);
                // Cut here, the key may have been used or not: what is written covers it.
                let next = take(&mut restarted(key(), &journal), &mut Vec::new());
                assert!(!used.contains(next.serial_number()), "{next:?}");
                assert!(journal.len() - written <= 1);
            }
        }
        assert_eq!(used.len(), 91);
        // A sync for 16 keys and for each start.
        assert_eq!(journal.len(), 1 + 1 + 1 + 1 + 2 + 3);
    }
}

#[test]
fn no_key_is_taken_where_none_can_be_written_down() {
    let mut terminal = Dukpt::new(aes(), 0);
    assert!(matches!(terminal.take(|_| Err(std::fmt::Error)), Err(TakeError::NotWritten(std::fmt::Error))));
    let keys = take(&mut terminal, &mut Vec::new());
    assert_eq!(keys.serial_number().to_string(), "123456789012345600000001");
}

#[test]
fn an_initial_key_ends_and_says_what_to_do() {
    for (key, last, serial_number) in [
        (aes as fn() -> InitialKey, 0xFFFE_FFFF, "1234567890123456FFFF0000"),
        (tdes, 0x1F_F7FF, "FFFF9876543210FFF800"),
    ] {
        let mut terminal = Dukpt::new(key(), last);
        assert_eq!(take(&mut terminal, &mut Vec::new()).serial_number().to_string(), serial_number);
        let error = terminal.take(|_| Ok::<_, std::convert::Infallible>(())).unwrap_err();
        assert!(error.to_string().contains("ask the acquirer for a new one"), "{error}");
        assert!(
            restarted(key(), &[KeyReservation { initial_key_id: key().id(), last_counter: u32::MAX }])
                .take(|_| Ok::<_, std::convert::Infallible>(()))
                .is_err()
        );
    }
}

#[test]
fn a_key_that_can_not_be_derived_is_refused() {
    let keys = take(&mut Dukpt::new(tdes(), 0), &mut Vec::new());
    let refused = keys.mac_key(KeyUsage::MacGeneration, MacAlgorithm::AesCmac).unwrap_err();
    assert_eq!(refused, WorkingKeyError::KeyType(WorkingKeyType::Aes128));
    let keys = take(&mut Dukpt::new(aes(), 0), &mut Vec::new());
    assert!(keys.mac_key(KeyUsage::MacGeneration, MacAlgorithm::RetailPadding2).is_ok());
}

#[test]
fn an_initial_key_of_another_form_is_refused() {
    let refused = |key: Result<InitialKey, _>| key.unwrap_err();
    assert_eq!(refused(InitialKey::aes(&[0; 17], &[0; 8])), InitialKeyError::AesLength(17));
    assert_eq!(refused(InitialKey::aes(&[0; 16], &[0; 12])), InitialKeyError::IdLength(12));
    assert_eq!(refused(InitialKey::tdes(&[0; 24], &[0; 10])), InitialKeyError::TdesLength(24));
    assert_eq!(refused(InitialKey::tdes(&[0; 16], &[0; 8])), InitialKeyError::SerialNumberLength(8));
    assert_eq!(KeySerialNumber::try_from(&[0; 11][..]), Err(KeySerialNumberError(11)));
    let counted = bytes("FFFF9876543210E00003");
    assert_eq!(refused(InitialKey::tdes(&[0; 16], &counted)), InitialKeyError::Counted(3));
}

#[test]
fn no_key_is_printed() {
    let mut terminal = Dukpt::new(aes(), 0);
    let keys = take(&mut terminal, &mut Vec::new());
    assert_eq!(format!("{:?}", aes()), "InitialKey(1234567890123456, ..)");
    assert_eq!(format!("{keys:?}"), "TransactionKeys(123456789012345600000001, ..)");
    assert_eq!(format!("{terminal:?}"), "Dukpt(1234567890123456, reserved to 16, ..)");
}
