import CallModel
import Codecs
import MediaRelay

/// One party of a ``BridgeRoom``: its socket, what it has negotiated, and its place in the mix.
///
/// ```swift
/// guard let party = room.openParty(), let port = party.reserve(interface: 0) else { /* no port: 480 */ }
/// // ... port.rtp goes into the answer; then, and after each further exchange of offer and answer:
/// party.connect(side, remote: theirStream, local: ourStream)
/// party.place(.mix())
/// ```
///
/// It begins ``BridgePlacement/alone``. May be used from any thread; calls return at once and are carried out in order.
public final class BridgeParty: Sendable {
  /// Unique within the process.
  public struct ID: Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UInt64
    public var description: String { String(rawValue) }
  }

  public let id: ID

  init(id: ID) { self.id = id }

  /// Reserves a local port pair on an interface (index into ``MediaRelay/interfaces``). Nil: none is free, or the party is
  /// closed. The ports of a party are given back when it closes.
  public func reserve(interface: Int = 0, kind: MediaStream.Kind = .audio) -> RelayPort? { nil }

  /// Puts what was negotiated in place: after each exchange of offer and answer, the first like the later ones. What stays
  /// the same goes on without a seam, prompts and digits under way included.
  ///
  /// - Parameters:
  ///   - side: port, addresses, keys and direction, as for a relayed stream. Payload types, clock rates and telephone events
  ///     are taken from the descriptions and need not be set. The port stays that of the first call.
  ///   - remote: the stream as the party described it.
  ///   - local: the stream as we described it to the party.
  /// - Returns: false when there is nothing in common that can be mixed, a key does not fit its suite, or the party is
  ///   closed: then nothing changes.
  @discardableResult
  public func connect(_ side: RelaySide, remote: MediaStream, local: MediaStream) -> Bool { false }

  /// The stream was switched off (port 0): nothing is sent or taken until it is connected again.
  public func disconnect() {}

  /// Puts the party into the mix, or takes it out.
  public func place(_ placement: BridgePlacement) {}

  /// Sends a key: as telephone event where that was negotiated (RFC 4733), else as tones in the audio, during which the party
  /// hears nothing else. Keys wait for those before them; more than 64 are dropped.
  ///
  /// - Parameter duration: 40 ms to 6 s; clamped.
  public func send(_ digit: DTMFDigit, for duration: TimeSpan = .milliseconds(160)) {}

  /// Takes the party out of the room and gives its ports back. Ends in ``BridgeEvent/closed(_:_:)``. Idempotent.
  public func close() {}
}
