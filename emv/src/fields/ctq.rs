//! Card Transaction Qualifiers.

use super::bits::bit_field;

bit_field! {
    /// Card Transaction Qualifiers, 2 bytes: which CVM the card wants, and what it prefers where
    /// something fails (Book C-3, A.2).
    pub struct Ctq[2];

    ONLINE_PIN_REQUIRED = (1, 8), "online PIN required";
    SIGNATURE_REQUIRED = (1, 7), "signature required";
    GO_ONLINE_IF_ODA_FAILS = (1, 6), "go online if offline data authentication fails and the reader is online capable";
    SWITCH_INTERFACE_IF_ODA_FAILS = (1, 5), "switch interface if offline data authentication fails and the reader has a contact chip interface";
    GO_ONLINE_IF_EXPIRED = (1, 4), "go online if application expired";
    SWITCH_INTERFACE_FOR_CASH = (1, 3), "switch interface for cash";
    SWITCH_INTERFACE_FOR_CASHBACK = (1, 2), "switch interface for cashback";

    CONSUMER_DEVICE_CVM_PERFORMED = (2, 8), "consumer device CVM performed";
    ISSUER_UPDATE_PROCESSING_SUPPORTED = (2, 7), "card supports issuer update processing at the POS";
}
