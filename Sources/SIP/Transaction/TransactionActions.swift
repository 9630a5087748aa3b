/// What a transaction state machine orders after one event, carried out in the order the cases are declared in.
///
/// A set, not a list: no state of RFC 3261 §17 orders the same thing twice, and a set costs no allocation.
struct TransactionActions: OptionSet, Hashable, Sendable {
  var rawValue: UInt16

  /// Send the request (client) or the latest response (server), for the first time or again.
  static let send = TransactionActions(rawValue: 1 << 0)
  /// Send the ACK for a non-2xx final response (RFC 3261 §17.1.1.3).
  static let acknowledge = TransactionActions(rawValue: 1 << 1)
  /// Send 100 (Trying), because the transaction user has not answered in time.
  static let sendTrying = TransactionActions(rawValue: 1 << 2)
  /// Hand the message just received to the transaction user.
  static let passUp = TransactionActions(rawValue: 1 << 3)
  /// Cancel the INVITE: timer C fired, or a provisional response released a CANCEL that waited for one.
  static let cancel = TransactionActions(rawValue: 1 << 4)
  static let reportTimeout = TransactionActions(rawValue: 1 << 5)
  static let reportTransportFailure = TransactionActions(rawValue: 1 << 6)
  /// The final response did not reach the client, or was never acknowledged.
  static let reportUnacknowledged = TransactionActions(rawValue: 1 << 7)
  /// Forget the transaction.
  static let terminate = TransactionActions(rawValue: 1 << 8)
}

extension TransactionActions: CustomStringConvertible {
  var description: String {
    let names = [
      "send", "acknowledge", "sendTrying", "passUp", "cancel", "reportTimeout", "reportTransportFailure",
      "reportUnacknowledged", "terminate",
    ]
    let set = names.indices.filter { rawValue & (1 << UInt16($0)) != 0 }.map { names[$0] }
    return "[\(set.joined(separator: ", "))]"
  }
}
