//! `tenderctl readers`.

use std::process::ExitCode;

use super::client::Client;
use super::object::Object;
use super::table::Table;
use super::{Failure, Output, Style};

/// Prints the readers.
pub async fn run(client: &Client, output: &Output) -> Result<ExitCode, Failure> {
    let readers = client.readers().await?;
    if output.is_json() {
        output.document(&readers);
    } else {
        print(&readers, output);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints readers as a table.
pub(super) fn print(readers: &[Object], output: &Output) {
    if readers.is_empty() {
        return output.line("No readers. Plug one in: tenderd finds it by itself.");
    }
    let mut table = Table::new(["READER", "STATE", "FAMILY", "TRANSACTION"]);
    for reader in readers {
        let style = match reader.text("state") {
            "idle" => Style::Dim,
            "faulty" => Style::Bad,
            _ => Style::Busy,
        };
        table.row(["name", "state", "family", "token"].map(|name| reader.text(name).to_owned()), Some((1, style)));
    }
    table.print(output);
}
