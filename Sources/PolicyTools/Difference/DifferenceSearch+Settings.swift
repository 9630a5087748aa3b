import CallModel
import PatternAnalysis
import PolicyEngine

/// What becomes of calls that the same rule takes on both sides, when something it relies on has changed.
extension DifferenceSearch {
  func compareSettings() {
    if old.policy.policy.globals.dialOutEnabled, new.policy.policy.globals.dialOutEnabled {
      compareDefaults()
      compareTrunks()
    }
    compareDevices()
    comparePolicyServers()
    compareDestinations()
    compareServiceLimits()
    noteOtherSettings()
  }

  func report(
    _ change: DecisionChange, _ subject: PolicyDifference.Subject, _ summary: String,
    _ witness: PolicyDifference.Witness?
  ) {
    settings.append(
      PolicyDifference.Finding(
        change: change, subject: subject, summary: summary, before: .nobody, after: .nobody, witness: witness)
    )
  }

  /// A call that aligned rules take on both sides, the first that can be had.
  func example(_ pairs: some Sequence<(old: Int, new: Int)>) -> PolicyDifference.Witness? {
    for pair in pairs.prefix(64) {
      let rule = old.rules[pair.old]
      guard let language = old.language(pair.old) else { continue }
      for cell in cells(of: rule, []).calls.prefix(16) where old.holds(pair.old, cell) {
        var outside: [Automaton] = []
        for _ in 0..<8 {
          guard let text = try? Automaton.witness(in: [language], notIn: outside, limits: limits),
            let call = dialled(text, rule.matchesFullAlias, cell)
          else { break }
          let (before, after) = (old.decide(call), new.decide(call))
          if before.taker == .rule(pair.old), after.taker == .rule(pair.new) {
            return .init(
              call: call, before: before.record.outcomeSentence, after: after.record.outcomeSentence)
          }
          guard case .rule(let other) = before.taker, let taken = old.language(other) else { break }
          outside.append(taken)
        }
      }
    }
    return nil
  }

  var alignedPairs: [(old: Int, new: Int)] {
    alignment.newOf.enumerated().compactMap { i, j in j.map { (i, $0) } }
  }

  /// Limits that rules leave to the globals.
  private func compareDefaults() {
    let (a, b) = (old.policy.policy.globals, new.policy.policy.globals)
    guard
      a.bandwidthIn != b.bandwidthIn || a.bandwidthOut != b.bandwidthOut || a.maximumPixels != b.maximumPixels
    else { return }
    let affected = alignedPairs.filter { pair in
      var one = old.policy.gateway(ofRule: pair.old)
      let two = new.policy.gateway(ofRule: pair.new)
      one.name = two.name
      one.tag = two.tag
      return one != two
    }
    guard !affected.isEmpty, let witness = example(affected) else { return }
    func kilobits(_ bandwidth: Bandwidth?) -> String {
      bandwidth.map { "\($0.kilobitsPerSecond) kbit/s" } ?? "none"
    }
    var what: [String] = []
    if a.bandwidthIn != b.bandwidthIn {
      what.append("bandwidth in \(kilobits(a.bandwidthIn)) → \(kilobits(b.bandwidthIn))")
    }
    if a.bandwidthOut != b.bandwidthOut {
      what.append("bandwidth out \(kilobits(a.bandwidthOut)) → \(kilobits(b.bandwidthOut))")
    }
    if a.maximumPixels != b.maximumPixels {
      what.append("resolution \(a.maximumPixels) → \(b.maximumPixels)")
    }
    report(
      .otherwise, .defaults,
      "calls of \(affected.count) rule\(affected.count == 1 ? "" : "s") that say\(affected.count == 1 ? "s" : "") nothing of it get other media limits: \(what.joined(separator: ", "))",
      witness)
  }

  private func compareTrunks() {
    for trunk in old.policy.policy.trunks {
      guard let now = new.policy.trunk(named: trunk.name) else { continue }
      let place = trunk.placeDifferences(now)
      let manner = trunk.mannerDifferences(now)
      let limits = trunk.limits.differences(now.limits)
      guard !place.isEmpty || !manner.isEmpty || !limits.isEmpty else { continue }
      let users = alignedPairs.filter { pair in
        old.rules[pair.old].gateway.trunks.contains { $0.trunk == trunk.name }
      }
      let witness =
        users.isEmpty ? nil : example(users).map { self.witness($0.call, limits.isEmpty ? [] : [.trunk]) }
      guard witness != nil || !manner.isEmpty || !limits.isEmpty || !users.isEmpty else { continue }
      report(
        place.isEmpty ? manner.isEmpty ? .limited : .otherwise : .elsewhere, .trunk,
        "trunk “\(trunk.name)”: \((place + manner + limits).joined(separator: ", "))", witness)
    }
  }

  private func compareDevices() {
    let before = Dictionary(
      old.policy.policy.devices.map { ($0.alias.caseFolded, $0) }, uniquingKeysWith: { a, _ in a })
    let after = Dictionary(
      new.policy.policy.devices.map { ($0.alias.caseFolded, $0) }, uniquingKeysWith: { a, _ in a })
    for (folded, device) in before.sorted(by: { $0.key < $1.key }) {
      guard let now = after[folded] else {
        report(
          .refused, .device, "device “\(device.alias)” is gone: it can no longer register or be called",
          call(to: device.alias))
        continue
      }
      let changes = device.differences(now)
      if !changes.isEmpty {
        report(
          .otherwise, .device, "device “\(device.alias)”: \(changes.joined(separator: ", "))",
          call(to: device.alias))
      }
    }
    for (folded, device) in after.sorted(by: { $0.key < $1.key }) where before[folded] == nil {
      report(
        .admitted, .device, "device “\(device.alias)” is new: it can register and be called",
        call(to: device.alias))
    }
  }

  /// A call that ends at a device, on either side.
  private func call(to alias: String) -> PolicyDifference.Witness? {
    var texts = [alias]
    if let at = alias.firstIndex(of: "@") { texts.append(String(alias[..<at])) }
    for text in texts {
      for isRegistered in [false, true] {
        let template = ExplainedCall(
          alias: "", callProtocol: protocols.first ?? .sip, isRegistered: isRegistered, capability: .video,
          at: start)
        guard let call = dialled(text, false, template) else { continue }
        let (before, after) = (old.decide(call).record, new.decide(call).record)
        if [before, after].contains(where: { $0.replaced?.caseFolded == alias.caseFolded }) {
          return .init(call: call, before: before.outcomeSentence, after: after.outcomeSentence)
        }
      }
    }
    return nil
  }

  private func comparePolicyServers() {
    var hasUnknownPassword = false
    func profile(_ side: DifferenceSide, _ location: String?) -> PolicyProfile? {
      guard var profile = side.policy.policyProfile(location: location), profile.url != nil else {
        return nil
      }
      profile.description = ""
      profile.scripts = [:]
      if profile.credential?.password.isKnown == false { hasUnknownPassword = true }
      return profile
    }
    let names = Set((old.policy.policy.locations + new.policy.policy.locations).map(\.name)).sorted()
    var told: Set<[PolicyProfile?]> = []
    for location in [nil] + names.map({ $0 }) as [String?] {
      hasUnknownPassword = false
      var (a, b) = (profile(old, location), profile(new, location))
      if hasUnknownPassword {
        a?.credential?.password = Secret("")
        b?.credential?.password = Secret("")
      }
      guard a != b, told.insert([a, b]).inserted else { continue }
      let place = location.map { "in location “\($0)”" } ?? "without a location of their own"
      func who(_ profile: PolicyProfile?) -> String { profile.map { "“\($0.name)”" } ?? "nobody" }
      let change =
        a?.name == b?.name
        ? "the policy server \(who(a)) is asked otherwise"
        : "\(who(b)) is asked first, and no longer \(who(a))"
      report(.otherwise, .policyServer, "calls \(place): \(change)", nil)
    }
  }

  /// Settings that decide no single call.
  private func noteOtherSettings() {
    let (a, b) = (old.policy.policy.globals, new.policy.policy.globals)
    var changed: [String] = []
    /// Without the directory in front of files, which two policies beside each other never share.
    func plain(_ sip: SIPSettings) -> SIPSettings {
      var sip = sip
      for i in sip.listeners.indices {
        func name(_ path: String?) -> String? { path?.split(separator: "/").last.map(String.init) }
        sip.listeners[i].certificateFile = name(sip.listeners[i].certificateFile)
        sip.listeners[i].keyFile = name(sip.listeners[i].keyFile)
      }
      return sip
    }
    if plain(a.sip) != plain(b.sip) || a.sipUDPEnabled != b.sipUDPEnabled { changed.append("sip") }
    if a.media != b.media { changed.append("media") }
    if a.mediaEncryption != b.mediaEncryption { changed.append("media_encryption") }
    if a.registrar != b.registrar { changed.append("registrar") }
    if a.breakIn != b.breakIn { changed.append("break_in_protection") }
    if a.numbering != b.numbering { changed.append("numbering") }
    if a.domain != b.domain { changed.append("domain") }
    if a.dnsServers != b.dnsServers { changed.append("dns") }
    guard !changed.isEmpty else { return }
    note(
      "settings-differ",
      "globals differ that route no call by themselves: \(changed.joined(separator: ", "))")
  }
}

extension Trunk {
  /// Where its calls go.
  fileprivate func placeDifferences(_ now: Trunk) -> [String] {
    func name(ofPortOf trunk: Trunk) -> String { trunk.port.map { "port \($0)" } ?? "port by DNS" }
    var changes: [String] = []
    if host != now.host { changes.append("host \(host) → \(now.host)") }
    if port != now.port { changes.append("\(name(ofPortOf: self)) → \(name(ofPortOf: now))") }
    if transport != now.transport { changes.append("\(transport.rawValue) → \(now.transport.rawValue)") }
    if domain != now.domain { changes.append("domain \(domain ?? "none") → \(now.domain ?? "none")") }
    return changes
  }

  /// How they get there.
  fileprivate func mannerDifferences(_ now: Trunk) -> [String] {
    var changes: [String] = []
    let areKnown = (credentials + now.credentials).allSatisfy(\.password.isKnown)
    if areKnown, credentials != now.credentials { changes.append("other credentials") }
    if isTrusted != now.isTrusted { changes.append(now.isTrusted ? "trusted" : "no longer trusted") }
    if mediaEncryption != now.mediaEncryption { changes.append("other media encryption") }
    if verifiesCertificate != now.verifiesCertificate {
      changes.append("its certificate is \(now.verifiesCertificate ? "" : "no longer ")checked")
    }
    if certificateAuthorityFile != now.certificateAuthorityFile { changes.append("other authorities") }
    let isKnown = [inboundCredential, now.inboundCredential].allSatisfy { $0?.password.isKnown ?? true }
    if isKnown, inboundCredential != now.inboundCredential {
      changes.append("its calls are authenticated otherwise")
    }
    if registration != now.registration { changes.append("other registration") }
    if numbering != now.numbering { changes.append("numbers are written otherwise") }
    return changes
  }
}

extension Device {
  fileprivate func differences(_ now: Device) -> [String] {
    var changes: [String] = []
    if username != now.username || password.isKnown && now.password.isKnown && password != now.password {
      changes.append("other credentials")
    }
    if allowsSIP != now.allowsSIP { changes.append("sip \(now.allowsSIP ? "on" : "off")") }
    if allowsH323 != now.allowsH323 { changes.append("h323 \(now.allowsH323 ? "on" : "off")") }
    if allowsWebRTC != now.allowsWebRTC { changes.append("webrtc \(now.allowsWebRTC ? "on" : "off")") }
    return changes
  }
}
