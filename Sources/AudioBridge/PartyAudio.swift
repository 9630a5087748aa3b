import AudioMixing
import CallModel
import Codecs
import MediaRelay

/// A party on the media thread: the tap on its packets, and what the room keeps of it.
final class PartyAudio: MediaTap, @unchecked Sendable {
  // Sendable: everything that changes is touched on the room's thread only.
  let id: BridgeParty.ID
  /// Outlives it: the events of every stream lead there.
  private unowned(unsafe) let core: BridgeCore

  var endpoint: RelayEndpoint?
  /// Once it had a stream, the stream's end is its own.
  private(set) var hadStream = false
  var stream: RelayStream?
  var mix: MixParticipantID?
  var configuration: MixParticipantConfiguration?
  private var level: AudioLevelFormat?
  /// Keys go out as events.
  var sendsEvents = false
  var placement = BridgePlacement.alone
  var isLost = false
  /// It has left the room.
  var isGone = false

  /// What is being played to it, or will be when it is connected.
  var prompt: (audio: PromptAudio, playback: BridgePlayback, repeats: Bool)?
  /// Keys that wait to be sent as tones.
  var tones: [PromptAudio] = []
  var hasTone = false
  private var pressed = DigitAllowance()

  init(id: BridgeParty.ID, core: BridgeCore) {
    self.id = id
    self.core = core
  }

  var takesRTP: Bool { true }

  func attached(to endpoint: RelayEndpoint) {
    self.endpoint = endpoint
    hadStream = true
    core.attached(self, endpoint)
  }

  func detached() {
    endpoint = nil
    core.detached(self)
  }

  /// What was agreed.
  func agree(
    _ configuration: MixParticipantConfiguration, _ level: AudioLevelFormat?, sendsEvents: Bool,
    stream: RelayStream
  ) {
    self.configuration = configuration
    self.level = level
    self.sendsEvents = sendsEvents
    self.stream = stream
    isLost = false
  }

  func received(
    _ packet: UnsafeRawBufferPointer, kind: PacketKind, from: TransportAddress, at arrival: MonotonicInstant,
    output: borrowing RelayOutput
  ) {
    guard kind == .rtp, let mix, let header = RTPHeader.parse(packet), let range = header.payload(in: packet)
    else { return }
    if isLost {
      isLost = false
      core.emit(.mediaReturned(id))
    }
    core.receive(
      from: mix, header, level: level.flatMap { audioLevel(packet, $0.identifier) },
      payload: UnsafeRawBufferPointer(rebasing: packet[range]), arrival: arrival, now: output.now)
  }

  private func audioLevel(_ packet: UnsafeRawBufferPointer, _ identifier: UInt8) -> AudioLevelExtension? {
    // The header has been checked: the extension lies within the packet.
    guard packet[0] & 0x10 != 0 else { return nil }
    let start = RTPHeader.minimumLength + Int(packet[0] & 15) * 4
    let profile = UInt16(packet[start]) << 8 | UInt16(packet[start + 1])
    let length = (Int(packet[start + 2]) << 8 | Int(packet[start + 3])) * 4
    return AudioLevelExtension(
      identifier: identifier, profile: profile,
      elements: UnsafeRawBufferPointer(rebasing: packet[start + 4..<start + 4 + length]))
  }

  /// Whether another key may be reported: nobody presses so many.
  func mayPress(_ now: MonotonicInstant) -> Bool { pressed.take(now) }
}

/// Bounds the keys of one party: some at once, as a phone that dials for its user sends them, and no more than the network of
/// telephones has in a second.
struct DigitAllowance {
  static let burst = 32
  static let perSecond = 16

  private var left = Int64(burst) * 1_000_000_000
  private var at: Int64?

  mutating func take(_ now: MonotonicInstant) -> Bool {
    let whole: Int64 = 1_000_000_000
    let elapsed = max(0, min(now.nanoseconds - (at ?? now.nanoseconds), 60 * whole))
    at = now.nanoseconds
    left = min(left + elapsed * Int64(DigitAllowance.perSecond), Int64(DigitAllowance.burst) * whole)
    guard left >= whole else { return false }
    left -= whole
    return true
  }
}
