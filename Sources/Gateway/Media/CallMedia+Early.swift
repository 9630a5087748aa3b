import CallModel
import MediaRelay

/// Exchanges before the call is answered.
extension CallMedia {
  /// The answer to an offer of one side from what has been agreed with the other, which hears nothing of it: the formats that
  /// both know already, at our own port.
  func answerAlone(
    _ offer: MediaDescription, from side: RelaySideName
  ) throws(MediaRefusal) -> MediaDescription {
    var accepted = offer
    var streams: [MediaStream] = []
    let saved = slots
    do throws(MediaRefusal) {
      for (index, offered) in offer.streams.enumerated() {
        let stream = try agreedStream(index, offered, side)
        streams.append(stream)
        // As if it had answered: a later answer to the other side is made from it.
        accepted.streams[index].isEnabled = stream.isEnabled
        accepted.streams[index].codecs = stream.codecs
        accepted.streams[index].cryptos = Array(offered.cryptos.prefix(stream.cryptos.isEmpty ? 0 : 1))
      }
      guard streams.contains(where: \.isEnabled) else { throw .nothingInCommon }
    } catch {
      slots = saved
      throw error
    }
    let answer = MediaDescription(streams: streams, bandwidth: limited(offer.bandwidth))
    note(accepted, by: side, told: answer)
    joinSides()
    return answer
  }

  private func agreedStream(
    _ index: Int, _ offered: MediaStream, _ side: RelaySideName
  ) throws(MediaRefusal) -> MediaStream {
    let refused = MediaStream.disabled(offered.kind, like: offered)
    guard let slot = slots.firstIndex(where: { $0[side].index == index }),
      var result = common(slot, offered: offered, by: side, with: slots[slot][side.other].remote)
    else { return refused }
    // Of what the other party takes, what it has been told.
    if let told = slots[slot][side.other].local {
      let all = result.codecs
      result.codecs.removeAll { $0.isPrimary && $0.counterpart(in: told.codecs, among: all) == nil }
    }
    guard result.codecs.contains(where: \.isPrimary) else { return refused }
    try encrypt(&result, slot, toward: side, offered: offered, encryption(toward: side))
    slots[slot][side].remote = offered
    slots[slot][side].local = result
    return result
  }
}
