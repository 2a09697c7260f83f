//! Data storage in the card: slots, and what became of reading and writing them.

use super::super::CryptogramType;
use super::super::bits::bit_field;

bit_field! {
    /// DS Slot Availability, 1 byte: which slots the card has free.
    pub struct DsSlotAvailability[1];

    PERMANENT_SLOT_TYPE = (1, 8), "permanent slot type";
    VOLATILE_SLOT_TYPE = (1, 7), "volatile slot type";
}

bit_field! {
    /// DS Slot Management Control, 1 byte: the state of the slot that was read.
    pub struct DsSlotManagementControl[1];

    PERMANENT_SLOT_TYPE = (1, 8), "permanent slot type";
    VOLATILE_SLOT_TYPE = (1, 7), "volatile slot type";
    LOW_VOLATILITY = (1, 6), "low volatility";
    LOCKED_SLOT = (1, 5), "locked slot";
    DEACTIVATED_SLOT = (1, 1), "deactivated slot";
}

bit_field! {
    /// DS ODS Info, 1 byte: which slot the terminal wants written, and what to do if that fails.
    pub struct DsOdsInfo[1];

    PERMANENT_SLOT_TYPE = (1, 8), "permanent slot type";
    VOLATILE_SLOT_TYPE = (1, 7), "volatile slot type";
    LOW_VOLATILITY = (1, 6), "low volatility";
    DECLINE_ON_DATA_STORAGE_ERROR = (1, 4), "decline payment transaction in case of data storage error";
}

bit_field! {
    /// DS ODS Info For Reader, 1 byte: for which cryptograms the data may be written.
    pub struct DsOdsInfoForReader[1];

    USABLE_FOR_TC = (1, 8), "usable for TC";
    USABLE_FOR_ARQC = (1, 7), "usable for ARQC";
    USABLE_FOR_AAC = (1, 6), "usable for AAC";
    STOP_IF_NO_DS_ODS_TERM = (1, 3), "stop if no DS ODS Term";
    STOP_IF_WRITE_FAILED = (1, 2), "stop if write failed";
}

bit_field! {
    /// DS Summary Status, 1 byte: whether the summaries show that reading and writing succeeded.
    pub struct DsSummaryStatus[1];

    SUCCESSFUL_READ = (1, 8), "successful read";
    SUCCESSFUL_WRITE = (1, 7), "successful write";
}

bit_field! {
    /// IDS Status, 1 byte: which side of integrated data storage the transaction takes part in.
    pub struct IdsStatus[1];

    READ = (1, 8), "read";
    WRITE = (1, 7), "write";
}

bit_field! {
    /// Pre-Gen AC Put Data Status and Post-Gen AC Put Data Status, 1 byte each.
    pub struct PutDataStatus[1];

    COMPLETED = (1, 8), "completed";
}

bit_field! {
    /// DS AC Type, 1 byte: the cryptogram that the terminal expects for its data to be written.
    pub struct DsAcType[1];
}

impl DsAcType {
    /// The cryptogram, from the two highest bits.
    pub const fn cryptogram_type(self) -> CryptogramType {
        CryptogramType::of(self.0[0])
    }
}
