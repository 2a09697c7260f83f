//! Application Usage Control.

use super::bits::bit_field;

bit_field! {
    /// Application Usage Control, 2 bytes: where the issuer lets the application be used
    /// (EMV Book 3, Annex C2).
    pub struct Auc[2];

    DOMESTIC_CASH = (1, 8), "valid for domestic cash transactions";
    INTERNATIONAL_CASH = (1, 7), "valid for international cash transactions";
    DOMESTIC_GOODS = (1, 6), "valid for domestic goods";
    INTERNATIONAL_GOODS = (1, 5), "valid for international goods";
    DOMESTIC_SERVICES = (1, 4), "valid for domestic services";
    INTERNATIONAL_SERVICES = (1, 3), "valid for international services";
    ATMS = (1, 2), "valid at ATMs";
    TERMINALS_OTHER_THAN_ATMS = (1, 1), "valid at terminals other than ATMs";

    DOMESTIC_CASHBACK = (2, 8), "domestic cashback allowed";
    INTERNATIONAL_CASHBACK = (2, 7), "international cashback allowed";
}
