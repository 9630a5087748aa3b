import CallModel
import MediaRelay
import PolicyEngine

/// Two parties who both have made an offer: a caller, and somebody who calls in to take the place of those who ring (RFC 3891).
extension CallMedia {
  /// Answers the caller's open offer and a newcomer's, each with what it has in common with the other. Those who were offered
  /// the caller's media before are out of it; keys toward them are not used again.
  ///
  /// When it fails nothing has changed.
  /// - Parameters:
  ///   - encryption: what policy says of the newcomer.
  ///   - address: where the newcomer signals from.
  func meet(
    _ newcomer: MediaDescription, encryption: MediaEncryption, from address: IPAddress?
  ) throws(MediaRefusal) -> (toCaller: MediaDescription, toNewcomer: MediaDescription) {
    guard let pending, pending.offerer == .a else { throw .badAnswer }
    let old = (slots: slots, described: described)
    do throws(MediaRefusal) {
      beginStep()
      let answers = try answers(pending.offer, newcomer, encryption)
      signallingAddress[.b] = address
      described = [.a: pending.offer, .b: newcomer]
      told = [.a: answers.toCaller, .b: answers.toNewcomer]
      self.pending = nil
      before = nil
      lastOfferer = .a
      joinSides()
      return answers
    } catch {
      restore(old.slots)
      described = old.described
      throw error
    }
  }

  /// The caller's open offer as a newcomer gets it who called without one. When it fails nothing has changed.
  func offerToNewcomer(
    _ offer: MediaDescription, encryption: MediaEncryption, near address: TransportAddress?
  ) throws(MediaRefusal) -> MediaDescription {
    let old = slots
    beginStep()
    do throws(MediaRefusal) {
      let passed = try offerToCalled(offer, encryption: encryption, near: address)
      expect(from: address?.ip, encryption: encryption)
      return passed
    } catch {
      restore(old)
      throw error
    }
  }

  private func answers(
    _ caller: MediaDescription, _ newcomer: MediaDescription, _ encryption: MediaEncryption
  ) throws(MediaRefusal) -> (toCaller: MediaDescription, toNewcomer: MediaDescription) {
    let (fromCaller, fromNewcomer) = (allowed(caller), allowed(newcomer))
    for (index, stream) in fromNewcomer.streams.enumerated() {
      let slot =
        slots.firstIndex { $0.kind == stream.kind && $0.a.index != nil && $0.b.index == nil } ?? slots.count
      if slot == slots.count { slots.append(MediaSlot(kind: stream.kind)) }
      slots[slot].b.index = index
    }
    var toCaller = caller.streams.map { MediaStream.disabled($0.kind, like: $0) }
    var toNewcomer = newcomer.streams.map { MediaStream.disabled($0.kind, like: $0) }
    for slot in slots.indices {
      if let a = slots[slot].a.index, let b = slots[slot].b.index, a < toCaller.count {
        let (theirs, ours) = (fromCaller.streams[a], fromNewcomer.streams[b])
        slots[slot].a.remote = theirs
        slots[slot].b.remote = ours
        if theirs.isRelayable, ours.isRelayable, var one = common(slot, offered: theirs, by: .a, with: ours),
          var two = common(slot, offered: ours, by: .b, with: theirs)
        {
          try encrypt(&one, slot, toward: .a, offered: theirs, settings.encryptionTowardCaller)
          try encrypt(&two, slot, toward: .b, offered: ours, encryption)
          toCaller[a] = one
          toNewcomer[b] = two
        }
      }
      slots[slot].a.local = slots[slot].a.index.flatMap { $0 < toCaller.count ? toCaller[$0] : nil }
      slots[slot].b.local = slots[slot].b.index.map { toNewcomer[$0] }
    }
    guard toCaller.contains(where: \.isEnabled) else { throw .nothingInCommon }
    return (
      MediaDescription(streams: toCaller, bandwidth: limited(newcomer.bandwidth)),
      MediaDescription(streams: toNewcomer, bandwidth: limited(caller.bandwidth))
    )
  }

  /// What policy leaves of an offer.
  private func allowed(_ offer: MediaDescription) -> MediaDescription {
    var result = offer.limited(to: settings.capability)
    for index in result.streams.indices {
      result.streams[index].codecs.removeAll { settings.disabledCodecs.contains($0.name.lowercased()) }
    }
    return result
  }
}
