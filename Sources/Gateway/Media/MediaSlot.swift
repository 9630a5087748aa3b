import AudioBridge
import CallModel
import MediaRelay

/// One stream of a two-party call: its place in each side's description, its ports and keys, and the relay stream that joins
/// them.
///
/// The place of a stream in a description never changes (RFC 3264 §8); the two sides' places differ when one side was never
/// offered a stream.
struct MediaSlot {
  /// What belongs to one side.
  struct Side {
    /// Place in this side's descriptions.
    var index: Int?
    /// The place is one of an earlier session of this side.
    var isInherited = false
    var port: RelayPort?
    /// Our SDES lines toward this side, all that were offered: a later fork may choose another than the first.
    var localCryptos: [SDESCrypto] = []
    /// The one of them in use.
    var localCrypto: SDESCrypto?
    /// The stream as this side described it last.
    var remote: MediaStream?
    /// The stream as we described it to this side last.
    var local: MediaStream?
    /// The side's own key, once one was agreed.
    var remoteCrypto: SDESCrypto?
  }

  var kind: MediaStream.Kind
  var a = Side()
  var b = Side()
  var relay: RelayStream?
  /// Stands between the sides while their formats differ.
  var transcoding: CallTranscoding?
  /// What was agreed when a side turned out to send a format that the other does not take.
  var mixedFormats: [[Codec]]?

  init(kind: MediaStream.Kind) { self.kind = kind }

  subscript(side: RelaySideName) -> Side {
    get { side == .a ? a : b }
    set { if side == .a { a = newValue } else { b = newValue } }
  }
}
