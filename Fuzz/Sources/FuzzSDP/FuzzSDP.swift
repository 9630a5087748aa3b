import CallModel
import SDP

/// Any body is refused or read as a session description without a trap; what was read is written in a form that reads as
/// itself, in SDP's terms and in the protocol-neutral ones; and offer and answer can be made of it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSDP(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let session: SessionDescription
  do {
    session = try SessionDescription(parsing: UnsafeBufferPointer(start: data, count: size))
  } catch {
    _ = error.description
    return 0
  }
  // Normal spellings can be longer than the ones that were read.
  let wide = SDPLimits(size: .max, lines: .max, lineLength: .max, attributes: .max)
  guard let first = try? SessionDescription(parsing: session.serialised(), limits: wide) else {
    fatalError("refused what it wrote")
  }
  precondition(first.serialised() == session.serialised())
  _ = session.unresolvedHosts

  guard let read = try? MediaDescription(session, ignored: { _ = ($0.name, $0.reason) }) else { return 0 }
  let written = read.sdp(origin: origin)
  guard let again = try? MediaDescription(sdp: written, limits: wide) else {
    fatalError("refused the description it wrote")
  }
  precondition(again.streams.count == read.streams.count)
  precondition(again.sdp(origin: origin) == written)
  negotiate(read)
  return 0
}

private let origin = SessionDescription.Origin(
  sessionID: "1", version: "1", address: SessionDescription.Connection(.loopbackIPv4))

/// What a call does with a description that a peer sent: as the offer, as the answer, and as the description of the other leg.
private func negotiate(_ peer: MediaDescription) {
  let makeKey = { (suite: SDESCrypto.Suite) in
    Secret(String(repeating: "A", count: (suite.keyLength + suite.saltLength + 2) / 3 * 4))
  }
  let codecs = [Codec(0, "PCMU", clockRate: 8_000), Codec(8, "PCMA", clockRate: 8_000)]
  for encryption in [MediaEncryption.off, .bestEffort, .required] {
    let offer = OfferAnswer.offer(peer, encryption: encryption, makeKey: makeKey)
    precondition(offer.streams.count == peer.streams.count)
    if let answer = try? OfferAnswer.validate(answer: peer, to: offer) {
      precondition(answer.description.streams.count == offer.streams.count)
      for (a, b) in zip(offer.streams, answer.description.streams) {
        _ = OfferAnswer.cryptoPair(offer: a, answer: b)
      }
    }
    let capabilities = MediaCapabilities(codecs: [.audio: codecs], encryption: encryption)
    if let answer = try? OfferAnswer.answer(
      to: peer, with: capabilities, address: { _ in TransportAddress(.loopbackIPv4, 4_000) },
      makeKey: makeKey)
    {
      precondition(answer.streams.count == peer.streams.count)
      precondition((try? MediaDescription(sdp: answer.sdp(origin: origin))) != nil)
    }
  }
  _ = OfferAnswer.reoffer(changing: peer, from: MediaDescription(streams: peer.streams.reversed()))
  for (a, b) in zip(peer.streams, peer.streams.reversed()) {
    _ = a.renumbered(like: b)
    _ = PayloadTypeMap(from: a.codecs, to: b.codecs)
  }
}
