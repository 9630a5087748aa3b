import CallModel
import MediaRelay
import Router

/// The media of a two-party call: what each side is told of the other, and how the relay joins them.
///
/// Every description passes through here on its way from one leg to the other: addresses become ours, keys become ours,
/// what the rule forbids is taken out, and payload types are mapped. Side `a` is the caller, `b` the called party.
final class CallMedia {
  struct Settings {
    /// Never `.auto`: resolved against the caller's offer.
    var capability: CallCapability
    var encryptionTowardCaller: MediaEncryption
    /// Lower-cased codec names that are never passed on.
    var disabledCodecs: Set<String>
    /// False: sides that share no format are not helped (`transcoding_enabled`).
    var transcodes = true
    /// The most each party may send, as told to it in `b=`: what one sends the other is sent.
    var bandwidth: Bandwidth?
    var timeout: TimeSpan?
    /// Where each party's signalling comes from: media may come from there too, when the party is behind NAT.
    var callerAddress: IPAddress?
    /// Which addresses of ours each side's media uses; the next one where the first has no port left.
    var placement = MediaPlacement()
  }

  let access: MediaAccess
  var settings: Settings
  var slots: [MediaSlot] = []
  /// The offer that waits for its answer.
  var pending: (offerer: RelaySideName, offer: MediaDescription)?
  /// Streams, and what the sides were told, as they stood before the pending offer.
  var before: (slots: [MediaSlot], told: [RelaySideName: MediaDescription])?
  /// Who made the offer of the last complete exchange.
  var lastOfferer: RelaySideName?
  /// The last complete description of each side.
  var described: [RelaySideName: MediaDescription] = [:]
  /// What was last sent to each side.
  var told: [RelaySideName: MediaDescription] = [:]
  var signallingAddress: [RelaySideName: IPAddress] = [:]
  let session: RelaySession
  private var statistics: [RelayStream.ID: RelayStreamStatistics] = [:]
  private var onClosed: (([MediaQuality]) -> Void)?
  private var openStreams: Set<RelayStream.ID> = []
  /// Digits heard in RTP, media time-outs.
  var onEvent: ((RelayEvent) -> Void)?

  init(access: MediaAccess, settings: Settings) {
    self.access = access
    self.settings = settings
    // The session outlives nothing of the call but its last statistics; events find the call through a weak reference.
    let box = WeakMedia()
    session = access.openSession { box.media?.relayDid($0) }
    box.media = self
    signallingAddress[.a] = settings.callerAddress
  }

  private final class WeakMedia { weak var media: CallMedia? }

  // MARK: Offer

  /// Begins a step of attempts to fill a side: whoever was offered before has failed, and the next get fresh keys. Ports
  /// stay.
  func beginStep(_ side: RelaySideName = .b) {
    for index in slots.indices { slots[index][side] = MediaSlot.Side(port: slots[index][side].port) }
    described[side] = nil
  }

  /// The caller's offer as the called party gets it. Those who ring together are offered the same ports and keys.
  func offerToCalled(
    _ offer: MediaDescription, encryption: MediaEncryption, near address: TransportAddress?
  ) throws(MediaRefusal) -> MediaDescription {
    signallingAddress[.b] = address?.ip
    let passed = passOn(offer, from: .a, encryption: encryption)
    if let refusal = refusal(of: offer, passedAs: passed) { throw refusal }
    return passed
  }

  /// Why nothing of an offer was passed on; nil if something was, or nothing was offered.
  private func refusal(of offer: MediaDescription, passedAs passed: MediaDescription) -> MediaRefusal? {
    guard offer.streams.contains(where: \.isEnabled), !passed.streams.contains(where: \.isEnabled) else {
      return nil
    }
    let isWanted = offer.limited(to: settings.capability).streams.contains(where: \.isRelayable)
    return isWanted ? .noPort : .nothingInCommon
  }

  /// Whose answer comes next, of several who ring: where it signals from, and whether it was offered encryption alone. What
  /// another of them has answered early does not bind this one.
  func expect(from address: IPAddress?, encryption: MediaEncryption, on side: RelaySideName = .b) {
    signallingAddress[side] = address
    for index in slots.indices {
      guard let profile = slots[index][side].local?.profile else { continue }
      slots[index][side].local?.profile = encryption == .required ? profile.secured : profile.plain
    }
  }

  /// An offer of one side as the other side gets it.
  func offer(
    from side: RelaySideName, _ offer: MediaDescription, encryption: MediaEncryption
  ) throws(MediaRefusal) -> MediaDescription {
    let passed = passOn(offer, from: side, encryption: encryption)
    if let refusal = refusal(of: offer, passedAs: passed) {
      withdrawOffer()
      throw refusal
    }
    return passed
  }

  private func passOn(
    _ offer: MediaDescription, from side: RelaySideName, encryption: MediaEncryption
  ) -> MediaDescription {
    let other = side.other
    if pending == nil { before = (slots, told) }
    pending = (side, offer)
    let wanted = offer.limited(to: settings.capability)
    for (index, stream) in offer.streams.enumerated() {
      let slot = slots.firstIndex { $0[side].index == index } ?? appendSlot(stream.kind, index, side)
      slots[slot][side].remote = stream
      guard wanted.streams[index].isRelayable, reserve(slot, side), reserve(slot, other) else { continue }
      if slots[slot][other].index == nil {
        slots[slot][other].index = slots.compactMap { $0[other].index }.count
      }
    }
    var streams = [MediaStream?](repeating: nil, count: slots.compactMap { $0[other].index }.count)
    for slot in slots.indices {
      guard let index = slots[slot][other].index else { continue }
      if let place = slots[slot][side].index, place < wanted.streams.count, wanted.streams[place].isRelayable,
        let remote = slots[slot][side].remote, slots[slot][other].port != nil
      {
        streams[index] = offered(slot, remote, to: other, encryption: encryption)
      } else {
        streams[index] = MediaStream.disabled(slots[slot].kind, like: slots[slot][other].local)
      }
      slots[slot][other].local = streams[index]
    }
    let description = MediaDescription(
      streams: streams.compactMap { $0 }, bandwidth: limited(offer.bandwidth))
    told[other] = description
    return description
  }

  /// Takes over the places of the streams of a party that comes from another session, or stays while the other party changes:
  /// a later offer of its dialog keeps them (RFC 3264 §8), and what was encrypted remains so.
  func inherit(_ side: RelaySideName, from old: CallMedia, _ newSide: RelaySideName) {
    let places = old.slots.filter { $0[side].index != nil }
    for place in places.sorted(by: { ($0[side].index ?? 0) < ($1[side].index ?? 0) }) {
      var slot = MediaSlot(kind: place.kind)
      slot[newSide].index = place[side].index
      slot[newSide].local = place[side].local
      slot[newSide].remoteCrypto = place[side].remoteCrypto
      slot[newSide].isInherited = true
      slots.append(slot)
    }
  }

  private func appendSlot(_ kind: MediaStream.Kind, _ index: Int, _ side: RelaySideName) -> Int {
    // A place that the other side has from an earlier session; or one left over from an offer that came to nothing, which has
    // its ports already.
    let spare =
      slots.firstIndex { $0.kind == kind && $0[side].index == nil && $0[side.other].isInherited }
      ?? slots.firstIndex { $0.kind == kind && $0.a.index == nil && $0.b.index == nil }
    let place = spare ?? slots.count
    if spare == nil { slots.append(MediaSlot(kind: kind)) }
    slots[place][side].index = index
    return place
  }

  /// One stream of an offer, in our name.
  private func offered(
    _ slot: Int, _ stream: MediaStream, to side: RelaySideName, encryption: MediaEncryption
  ) -> MediaStream {
    var result = stream.relayed(bandwidth: limited(stream))
    result.address = slots[slot][side].port?.rtp ?? result.address
    result.codecs.removeAll { settings.disabledCodecs.contains($0.name.lowercased()) }
    result.codecs += ownFormats(beside: result)
    let isSecure: Bool
    switch encryption {
    case .required:
      isSecure = true
      result.cryptos = localCryptos(slot, side)
    case .bestEffort, .off:
      // An established encrypted stream stays one: offering it in the clear would end the encryption.
      isSecure = slots[slot][side].local?.profile.isSecure ?? false && slots[slot][side].remoteCrypto != nil
      result.cryptos = encryption == .bestEffort || isSecure ? localCryptos(slot, side) : []
    }
    result.profile = .rtp(isSecure: isSecure, hasFeedback: stream.profile.hasFeedback)
    return result
  }

  // MARK: Answer

  /// What was answered early stands: another offer may follow.
  func settle() {
    pending = nil
    before = nil
  }

  /// Whoever comes next answers this offer of the caller, which an early exchange had settled.
  func reopen(_ offer: MediaDescription) {
    guard pending == nil else { return }
    before = (slots, told)
    pending = (.a, offer)
  }

  /// What a side has described, and been told, outside an exchange with the other.
  func note(_ description: MediaDescription, by side: RelaySideName, told answer: MediaDescription) {
    described[side] = description
    told[side] = answer
  }

  /// The answer of one side as the side that made the offer gets it; joins the two in the relay.
  ///
  /// - Parameter isFinal: false for an answer in a provisional response, which another may still replace.
  func answer(
    from side: RelaySideName, _ answer: MediaDescription, isFinal: Bool
  ) throws(MediaRefusal) -> MediaDescription {
    let other = side.other
    guard let pending, pending.offerer == other else {
      guard let last = told[other] else { throw .badAnswer }
      return last
    }
    // Some peers leave out refused streams at the end; more than was offered is an error.
    guard answer.streams.count <= slots.compactMap({ $0[side].index }).count else { throw .badAnswer }
    var streams: [MediaStream] = []
    for (index, offered) in pending.offer.streams.enumerated() {
      guard let slot = slots.firstIndex(where: { $0[other].index == index }) else { throw .badAnswer }
      let answered = slots[slot][side].index.flatMap { $0 < answer.streams.count ? answer.streams[$0] : nil }
      let stream = try answeredStream(slot, offered: offered, answered: answered, by: side)
      slots[slot][other].local = stream
      slots[slot][side].remote = answered
      streams.append(stream)
    }
    guard streams.contains(where: \.isEnabled) || !pending.offer.streams.contains(where: \.isEnabled) else {
      throw .nothingInCommon
    }
    described[other] = pending.offer
    described[side] = answer
    let result = MediaDescription(streams: streams, bandwidth: limited(answer.bandwidth))
    told[other] = result
    joinSides()
    if isFinal {
      self.pending = nil
      before = nil
      lastOfferer = other
    }
    return result
  }

  private func answeredStream(
    _ slot: Int, offered: MediaStream, answered: MediaStream?, by side: RelaySideName
  ) throws(MediaRefusal) -> MediaStream {
    let other = side.other
    guard var result = common(slot, offered: offered, by: other, with: answered), let answered else {
      return MediaStream.disabled(offered.kind, like: offered)
    }
    slots[slot][side].remoteCrypto = try agreedCrypto(slot, answered, by: side)
    try encrypt(&result, slot, toward: other, offered: offered, encryption(toward: other))
    return result
  }

  /// What a side is answered to a stream it offered: the formats that the other party described too, in our name and without
  /// keys. Nil when there is nothing of it.
  func common(
    _ slot: Int, offered: MediaStream, by side: RelaySideName, with answered: MediaStream?
  ) -> MediaStream? {
    guard let answered, answered.isEnabled, offered.isEnabled, let port = slots[slot][side].port else {
      return nil
    }
    // RFC 3264 §6.1: the offerer's numbers, and nothing it did not offer.
    var result = answered.relayed(bandwidth: limited(answered)).renumbered(like: offered)
    var codecs = result.codecs.filter { $0.counterpart(in: offered.codecs, among: result.codecs) != nil }
    if !codecs.contains(where: \.isPrimary) {
      codecs = transcodedFormats(offered: offered, answered: answered)
    }
    guard codecs.contains(where: \.isPrimary) else { return nil }
    result.kind = offered.kind
    result.address = port.rtp
    result.codecs = codecs
    // Digits can always be taken in RTP: when the other side cannot, they go on as signalling.
    if !codecs.contains(where: \.isTelephoneEvent),
      let event = offered.codecs.first(where: \.isTelephoneEvent)
    {
      result.codecs.append(event)
    }
    result.isRTCPMultiplexed = offered.isRTCPMultiplexed
    result.direction = MediaStream.Direction(
      sends: answered.direction.sends && offered.direction.receives,
      receives: answered.direction.receives && offered.direction.sends)
    result.profile = offered.profile
    result.cryptos = []
    return result
  }

  /// Puts our key into an answer to a side's offer, or leaves it plain, as the two allow.
  func encrypt(
    _ answer: inout MediaStream, _ slot: Int, toward side: RelaySideName, offered: MediaStream,
    _ encryption: MediaEncryption
  ) throws(MediaRefusal) {
    if let crypto = offered.cryptos.first, encryption != .off || offered.profile.isSecure {
      guard encryption != .off else { throw .encryption }
      slots[slot][side].remoteCrypto = crypto
      answer.cryptos = [localCrypto(slot, side, answering: crypto)]
    } else {
      slots[slot][side].remoteCrypto = nil
      // Secure without an SDES key we can use (DTLS-SRTP without ICE, unknown suites).
      guard !offered.profile.isSecure, encryption != .required else { throw .encryption }
    }
  }

  func encryption(toward side: RelaySideName) -> MediaEncryption {
    side == .a ? settings.encryptionTowardCaller : .bestEffort
  }

  /// The key the answering side chose, which must belong to a line we offered.
  private func agreedCrypto(
    _ slot: Int, _ answered: MediaStream, by side: RelaySideName
  ) throws(MediaRefusal) -> SDESCrypto? {
    let offered = slots[slot][side].localCryptos
    guard let crypto = answered.cryptos.first else {
      guard !(slots[slot][side].local?.profile.isSecure ?? false) else { throw .encryption }
      slots[slot][side].localCrypto = nil
      return nil
    }
    guard
      let ours = offered.first(where: { $0.tag == crypto.tag && $0.suite == crypto.suite })
        ?? offered.first(where: { $0.suite == crypto.suite })
    else { throw .encryption }
    slots[slot][side].localCrypto = ours
    return crypto
  }

  /// The answer of a side to an offer that was made in the other's name and already agreed with it (a transfer, third-party
  /// call control as in RFC 3725 §4.1): brings in what the side has changed.
  func confirm(_ side: RelaySideName, _ answer: MediaDescription) throws(MediaRefusal) {
    for slot in slots.indices {
      guard let index = slots[slot][side].index, index < answer.streams.count else { continue }
      let stream = answer.streams[index]
      slots[slot][side].remote = stream
      if stream.isEnabled { slots[slot][side].remoteCrypto = try agreedCrypto(slot, stream, by: side) }
    }
    guard answer.streams.contains(where: \.isEnabled) else { throw .nothingInCommon }
    described[side] = answer
    joinSides()
  }

  /// The offer came to nothing: what was agreed before it stays.
  func withdrawOffer() {
    pending = nil
    guard let before else { return }
    self.before = nil
    restore(before.slots)
    told = before.told
  }

  /// Puts streams back as they stood.
  func restore(_ old: [MediaSlot]) {
    var restored = old
    for index in slots.indices {
      // Ports are kept for the next offer: they are given back with the session only.
      if index == restored.count { restored.append(MediaSlot(kind: slots[index].kind)) }
      for side in RelaySideName.allCases { restored[index][side].port = slots[index][side].port }
      restored[index].relay = slots[index].relay
      restored[index].transcoding = slots[index].transcoding
    }
    slots = restored
  }

  // MARK: Ports and keys

  /// Streams relayed for one call: speech, a picture, slides, and some to spare. Further ones are refused.
  static let maximumStreams = 8

  private func reserve(_ slot: Int, _ side: RelaySideName) -> Bool {
    if slots[slot][side].port != nil { return true }
    // A stranger's offer of sixty streams must not take the ports of sixty calls.
    guard slots.count(where: { $0[side].port != nil }) < CallMedia.maximumStreams else { return false }
    let wanted = side == .a ? settings.placement.caller : settings.placement.called
    for interface in access.interfaces(for: signallingAddress[side], among: wanted) {
      slots[slot][side].port = session.reserve(interface: interface, kind: slots[slot].kind)
      if slots[slot][side].port != nil { return true }
    }
    return false
  }

  private func localCryptos(_ slot: Int, _ side: RelaySideName) -> [SDESCrypto] {
    if slots[slot][side].localCryptos.isEmpty {
      slots[slot][side].localCryptos = CallMedia.offeredSuites.enumerated().map { index, suite in
        SDESCrypto(tag: index + 1, suite: suite, keyAndSalt: access.freshKey(suite))
      }
    }
    return slots[slot][side].localCryptos
  }

  /// Our line in an answer: the key stays while the suite does, so that a session refresh changes nothing.
  private func localCrypto(_ slot: Int, _ side: RelaySideName, answering crypto: SDESCrypto) -> SDESCrypto {
    if let ours = slots[slot][side].localCryptos.first(where: { $0.suite == crypto.suite }) {
      var kept = ours
      kept.tag = crypto.tag
      slots[slot][side].localCryptos = [kept]
      slots[slot][side].localCrypto = kept
      return kept
    }
    let ours = SDESCrypto(tag: crypto.tag, suite: crypto.suite, keyAndSalt: access.freshKey(crypto.suite))
    slots[slot][side].localCryptos = [ours]
    slots[slot][side].localCrypto = ours
    return ours
  }

  /// What every SDES peer speaks comes first; some read only the first line.
  static let offeredSuites: [SDESCrypto.Suite] = [
    .aesCM128HMACSHA1_80, .aeadAES256GCM, .aeadAES128GCM, .aesCM128HMACSHA1_32,
  ]

  func limited(_ wish: Bandwidth?) -> Bandwidth? {
    guard let limit = settings.bandwidth else { return wish }
    return wish.map { min($0, limit) } ?? limit
  }

  /// What is said of one stream: the limit is that of the whole call, and speech alone never comes near it.
  private func limited(_ stream: MediaStream) -> Bandwidth? {
    stream.kind == .audio && stream.bandwidth == nil ? nil : limited(stream.bandwidth)
  }

  // MARK: End

  func track(_ stream: RelayStream) { openStreams.insert(stream.id) }

  /// Closes all streams; `completion` gets their last figures, on the loop.
  func close(_ completion: @escaping ([MediaQuality]) -> Void) {
    guard !openStreams.isEmpty else {
      session.close()
      return completion([])
    }
    // Held by the session's event handler until the last stream has reported.
    onClosed = { quality in
      completion(quality)
      _ = self
    }
    session.close()
  }

  private func relayDid(_ event: RelayEvent) {
    if case .closed(let stream, let figures) = event {
      statistics[stream] = figures
      openStreams.remove(stream)
      if openStreams.isEmpty, let onClosed {
        self.onClosed = nil
        onClosed(quality(statistics))
      }
      return
    }
    if case .otherFormat(let stream, _, _) = event { return transcodeMixedFormats(of: stream) }
    onEvent?(event)
  }
}
